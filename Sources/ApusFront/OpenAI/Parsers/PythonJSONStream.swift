import ApusJSON
import ApusJinja
import ApusText

/// Rewrites one JSON value, as it comes, the way Python's `json.dumps` writes it.
struct PythonJSONStream {
    /// The value has ended; what follows is not part of it.
    private(set) var isComplete = false
    private var depth = 0
    private var isString = false
    /// An escape in a string, or a number or word outside, that may go on.
    private var token = String.UnicodeScalarView()

    /// The text of what is new, and how many scalars of it belong to the value.
    mutating func absorb(_ new: String) -> (text: String, used: Int) {
        var output = String.UnicodeScalarView()
        var used = 0
        for scalar in new.unicodeScalars where !isComplete {
            if take(scalar, &output) { used += 1 }
        }
        return (String(output), used)
    }

    /// False: the scalar is not part of the value, which ended before it.
    private mutating func take(_ scalar: Unicode.Scalar, _ output: inout String.UnicodeScalarView) -> Bool {
        if isString {
            takeInString(scalar, &output)
            return true
        }
        switch scalar {
        case " ", "\n", "\r", "\t", ",", ":", "]", "}":
            flush(&output)
            if depth == 0, !isBlank(scalar) || isComplete {
                isComplete = true
                return false
            }
            if scalar == "," || scalar == ":" { output.append(contentsOf: [scalar, " "]) }
            if scalar == "]" || scalar == "}" {
                output.append(scalar)
                depth -= 1
                isComplete = depth == 0
            }
        case "[", "{":
            output.append(scalar)
            depth += 1
        case "\"":
            output.append(scalar)
            isString = true
        default: token.append(scalar)
        }
        return true
    }

    private func isBlank(_ scalar: Unicode.Scalar) -> Bool { " \n\r\t".unicodeScalars.contains(scalar) }

    /// Ends a number or word.
    private mutating func flush(_ output: inout String.UnicodeScalarView) {
        guard !token.isEmpty else { return }
        let text = String(token)
        let value = try? JSONValue(parsing: text, options: .files)
        output.append(contentsOf: (value.flatMap { try? pythonJSON(Value($0)) } ?? text).unicodeScalars)
        token = .init()
        isComplete = depth == 0
    }

    private mutating func takeInString(_ scalar: Unicode.Scalar, _ output: inout String.UnicodeScalarView) {
        if token.isEmpty, scalar != "\\" {
            output.append(scalar)
            guard scalar == "\"" else { return }
            isString = false
            isComplete = depth == 0
            return
        }
        token.append(scalar)
        guard isWholeEscape else { return }
        // Python writes what needs no escape as it is.
        let value = try? JSONValue(parsing: "\"" + String(token) + "\"")
        let text = value.flatMap { try? pythonJSON(Value($0)) }
        output.append(contentsOf: (text?.dropFirst().dropLast()).map(String.init)?.unicodeScalars ?? token)
        token = .init()
    }

    /// The escape in `token` is complete: both halves of it, where it is one of a pair.
    private var isWholeEscape: Bool {
        let scalars = Array(token)
        guard scalars.count > 1 else { return false }
        guard scalars[1] == "u" else { return true }
        guard scalars.count >= 6 else { return false }
        let isHalf = scalars[2] == "d" || scalars[2] == "D"
        guard isHalf, "89abAB".unicodeScalars.contains(scalars[3]) else { return true }
        return scalars.count >= 12
    }
}
