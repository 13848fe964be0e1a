import ApusJSON
package import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The text of a log line: `[2026-11-28 00:12:57 scheduler] message`, as the reference writes it, with the role where
/// that has the rank. Warnings and errors say so; fields follow the message.
package enum LogLine {
    package static func render(
        time: Double, role: String, level: Logger.Level, message: String, fields: [(String, String)] = []
    ) -> String {
        var text = "[\(timeStamp(time)) \(role)] "
        switch level {
        case .warning: text += "WARNING: "
        case .error: text += "ERROR: "
        case .critical: text += "CRITICAL: "
        case .trace, .debug: text += "\(level): "
        case .info, .notice: break
        }
        text += message
        for (key, value) in fields { text += ", \(key)=\(value)" }
        // One event, one line.
        return text.replacing("\n", with: "\\n")
    }

    /// The same as a JSON object: `time` in UTC, `level`, `role`, `message`, and the fields beside them.
    package static func renderJSON(
        time: Double, role: String, level: Logger.Level, message: String, fields: [(String, String)] = []
    ) -> String {
        let head: [(String, JSONValue)] = [
            ("time", .string(utcTime(time))), ("level", .string(level.rawValue)), ("role", .string(role)),
            ("message", .string(message)),
        ]
        return JSONObject(head + fields.map { ($0, .string($1)) }).description
    }

    /// RFC 3339, to the millisecond.
    package static func utcTime(_ time: Double) -> String {
        let milliseconds = Int((time * 1000).rounded(.down))
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let digits = String(milliseconds % 1000 + 1000).dropFirst()
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) + ".\(digits)Z"
    }

    /// Local time to the second.
    package static func timeStamp(_ time: Double) -> String {
        var seconds = time_t(time)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
