#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The functions that every template can call.
enum Globals {
    /// As Jinja2's sandbox bounds `range`.
    static let maximumRange = 100_000

    static func table(now: Double) -> [String: Value] {
        let functions = [
            Function("range", range),
            Function("dict", { .dictionary(try mapping(of: $0)) }),
            Function("namespace", { .namespace(Namespace(try mapping(of: $0))) }),
            Function("raise_exception") { arguments in
                throw TemplateError.raised(arguments.value(0, "message")?.text ?? "")
            },
            Function("strftime_now") { arguments in
                .string(localTime(now, format: arguments.value(0, "format")?.text ?? ""))
            },
        ]
        return [String: Value](uniqueKeysWithValues: functions.map { ($0.name, .function($0)) })
    }

    private static func range(_ arguments: Arguments) throws -> Value {
        let numbers = try arguments.positional.map { value in
            guard let number = value.integer else {
                throw TemplateError.type("'\(value.typeName)' object cannot be interpreted as an integer")
            }
            return number
        }
        guard (1...3).contains(numbers.count) else { throw TemplateError.type("range expected 1 to 3 arguments") }
        let first = numbers.count == 1 ? 0 : numbers[0]
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw TemplateError.type("range() arg 3 must not be zero") }
        let value = Value.range(first: first, last: numbers.count == 1 ? numbers[0] : numbers[1], step: step)
        guard try value.count() <= maximumRange else {
            throw TemplateError.limit(
                "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(maximumRange)).")
        }
        return value
    }

    private static func mapping(of arguments: Arguments) throws -> Dictionary {
        var fields = Dictionary()
        for value in arguments.positional {
            switch value {
            case .dictionary(let dictionary): for entry in dictionary.entries { fields[entry.key] = entry.value }
            default:
                for pair in try value.items() {
                    let pair = try pair.items()
                    guard pair.count == 2 else { throw TemplateError.type("a mapping is made of pairs") }
                    fields[pair[0].text] = pair[1]
                }
            }
        }
        for (name, value) in arguments.named { fields[name] = value }
        return fields
    }

    /// strftime(3) of the local time.
    private static func localTime(_ seconds: Double, format: String) -> String {
        guard !format.isEmpty else { return "" }
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        var buffer = [UInt8](repeating: 0, count: 4 * format.utf8.count + 256)
        let length = buffer.withUnsafeMutableBytes { bytes in
            strftime(bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count, format, &parts)
        }
        return String(decoding: buffer.prefix(length), as: UTF8.self)
    }
}
