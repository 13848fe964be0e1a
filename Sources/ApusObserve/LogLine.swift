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
