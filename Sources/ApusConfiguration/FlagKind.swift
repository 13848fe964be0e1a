import ApusJSON

/// How a flag's text is read.
package enum FlagKind: Sendable, Equatable {
    /// A bare switch on the command line; true or false elsewhere.
    case boolean
    case text
    case integer(ClosedRange<Int>)
    /// An integer that may be written `32k` (32,000), `32Ki` (32,768), `1M`, `25.6k`.
    case tokenCount(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case choice([String])
    /// The text of a JSON object.
    case jsonObject
    /// One or more words.
    case list

    /// The value that `text` means. The error's text completes "argument --x: ".
    package func value(of text: String) throws(FlagKindError) -> FlagValue {
        switch self {
        case .boolean:
            switch text.lowercased() {
            case "true", "1", "yes", "on": return .boolean(true)
            case "false", "0", "no", "off": return .boolean(false)
            default: throw FlagKindError("invalid bool value: '\(text)' (true or false)")
            }
        case .text:
            return .text(text)
        case .integer(let range):
            guard let value = Int(text) else { throw FlagKindError("invalid int value: '\(text)'") }
            return .integer(try Self.checked(value, in: range))
        case .tokenCount(let range):
            guard let value = HumanNumber.parse(text) else {
                throw FlagKindError("invalid int value: '\(text)' (digits, or a number like 32k, 1M, 32Ki)")
            }
            return .integer(try Self.checked(value, in: range))
        case .number(let range):
            guard let value = Double(text), value.isFinite else {
                throw FlagKindError("invalid float value: '\(text)'")
            }
            return .number(try Self.checked(value, in: range))
        case .choice(let choices):
            guard choices.contains(text) else {
                throw FlagKindError("invalid choice: '\(text)' (choose from \(choices.joined(separator: ", ")))")
            }
            return .text(text)
        case .jsonObject:
            do {
                guard try JSONValue(parsing: text).objectValue != nil else {
                    throw FlagKindError("invalid JSON value: '\(text)' is not an object")
                }
            } catch let error as JSONError {
                throw FlagKindError("invalid JSON value: '\(text)' (\(error))")
            } catch let error as FlagKindError {
                throw error
            } catch {
                preconditionFailure("\(error)")
            }
            return .text(text)
        case .list:
            return .list(text.split(separator: " ").map(String.init))
        }
    }

    /// What stands for the value in the help; empty for a switch.
    package var placeholder: String {
        switch self {
        case .boolean: ""
        case .text: "TEXT"
        case .integer, .tokenCount: "N"
        case .number: "X"
        // A list that does not fit into a line needs places to break.
        case .choice(let choices):
            "{\(choices.joined(separator: choices.joined().count > 80 ? ", " : ","))}"
        case .jsonObject: "JSON"
        case .list: "WORD..."
        }
    }

    private static func checked<Value: Bounded>(
        _ value: Value, in range: ClosedRange<Value>
    ) throws(FlagKindError) -> Value {
        guard range.contains(value) else {
            let isUnbounded = range.upperBound == Value.unbounded
            throw FlagKindError(
                isUnbounded
                    ? "\(value) is below \(range.lowerBound)"
                    : "\(value) is not between \(range.lowerBound) and \(range.upperBound)")
        }
        return value
    }
}

/// What is wrong with the text of a value.
package struct FlagKindError: Error, Equatable {
    package let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// Numbers whose largest value stands for "no upper limit".
private protocol Bounded: Comparable {
    static var unbounded: Self { get }
}

extension Int: Bounded {
    fileprivate static var unbounded: Int { .max }
}

extension Double: Bounded {
    fileprivate static var unbounded: Double { .greatestFiniteMagnitude }
}
