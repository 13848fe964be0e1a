#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// x ** y of floats.
func power(_ base: Double, _ exponent: Double) -> Double {
    pow(base, exponent)
}

extension String {
    /// Python's `format % values`, with the conversions that templates use: s r d i f g x %, flags `-` and `0`,
    /// width, precision and `%(name)s`.
    func formatted(_ values: Value) throws -> String {
        var out = ""
        var remaining: [Value] =
            if case .tuple(let items) = values { items } else { [values] }
        var scalars = unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "%" else {
                out.unicodeScalars.append(scalar)
                continue
            }
            var specification = FormatSpecification()
            let conversion = try specification.read(&scalars)
            if conversion == "%" {
                out += "%"
                continue
            }
            let value: Value
            if let name = specification.name {
                value = try values.item(.string(name))
            } else {
                guard !remaining.isEmpty else { throw TemplateError.type("not enough arguments for format string") }
                value = remaining.removeFirst()
            }
            out += try specification.text(of: value, conversion)
        }
        switch values {
        case .list, .dictionary: break
        default:
            guard remaining.isEmpty else {
                throw TemplateError.type("not all arguments converted during string formatting")
            }
        }
        return out
    }
}

private struct FormatSpecification {
    var name: String?
    var isLeft = false
    var padsZero = false
    var width = 0
    var precision: Int?

    /// Reads what stands behind a `%` and gives the conversion.
    mutating func read(_ scalars: inout String.UnicodeScalarView.Iterator) throws -> Unicode.Scalar {
        var isPrecision = false
        while let scalar = scalars.next() {
            switch scalar {
            case "(":
                var text = String.UnicodeScalarView()
                while let next = scalars.next(), next != ")" { text.append(next) }
                name = String(text)
            case "-": isLeft = true
            case "0" where width == 0 && !isPrecision: padsZero = true
            case ".":
                isPrecision = true
                precision = 0
            case "0"..."9":
                let digit = Int(scalar.value - 48)
                if isPrecision {
                    precision = min(1_000, (precision ?? 0) * 10 + digit)
                } else {
                    width = min(1_000, width * 10 + digit)
                }
            default: return scalar
            }
        }
        throw TemplateError.type("incomplete format")
    }

    func text(of value: Value, _ conversion: Unicode.Scalar) throws -> String {
        let body: String
        switch conversion {
        case "s", "r":
            let text = conversion == "s" ? value.text : value.representation
            body = precision.map { String(text.scalars.prefix($0)) } ?? text
        case "d", "i", "x":
            guard let number = value.integer ?? value.number.flatMap({ Int(exactly: $0.rounded(.towardZero)) }) else {
                throw TemplateError.type("%\(conversion) format: a real number is required, not \(value.typeName)")
            }
            body = String(number, radix: conversion == "x" ? 16 : 10)
        case "f", "g":
            guard let number = value.number else {
                throw TemplateError.type("must be real number, not \(value.typeName)")
            }
            var buffer = [CChar](repeating: 0, count: 1_400)
            let length = withVaList([Int32(precision ?? 6), number]) {
                vsnprintf(&buffer, buffer.count, conversion == "f" ? "%.*f" : "%.*g", $0)
            }
            body = String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        default:
            throw TemplateError.type("unsupported format character '\(conversion)'")
        }
        let missing = max(0, width - body.unicodeScalars.count)
        if isLeft { return body + String(repeating: " ", count: missing) }
        if padsZero, conversion != "s", conversion != "r" {
            let sign = body.hasPrefix("-") ? "-" : ""
            return sign + String(repeating: "0", count: missing) + body.dropFirst(sign.count)
        }
        return String(repeating: " ", count: missing) + body
    }
}
