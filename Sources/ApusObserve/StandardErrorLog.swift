import ApusCore
package import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes log lines to stderr, each by one `write`, so that lines of several roles do not mix.
package struct StandardErrorLog: LogHandler {
    package var logLevel: Logger.Level {
        get { ownLevel ?? ProcessLog.level }
        set { ownLevel = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let role: String
    /// nil: the process's.
    private var ownLevel: Logger.Level?
    private let format: ProcessLog.Format?
    private let write: @Sendable (String) -> Void

    /// `level` and `format`: nil, as the process's. `write` takes whole lines with their end; the default is stderr.
    package init(
        role: String, level: Logger.Level? = nil, format: ProcessLog.Format? = nil,
        write: @escaping @Sendable (String) -> Void = StandardErrorLog.write
    ) {
        self.role = role
        ownLevel = level
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        var fields = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        if let error = event.error { fields.append(("error", "\(error)")) }
        let render =
            switch format ?? ProcessLog.format {
            case .text: LogLine.render
            case .json: LogLine.renderJSON
            }
        write(render(Clocks.unix(), role, event.level, "\(event.message)", fields) + "\n")
    }

    /// All of `text` to stderr; what cannot be written is lost.
    package static let write: @Sendable (String) -> Void = { text in
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                #if canImport(Glibc)
                    let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                #else
                    let count = Darwin.write(STDERR_FILENO, rest.baseAddress, rest.count)
                #endif
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// Makes this the log of the process. To be called once, before the first `Logger` is made.
    package static func bootstrap(role: String, level: String, format: String, logsRequests: Bool = false) {
        ProcessLog.configure(level: level, format: format, logsRequests: logsRequests)
        LoggingSystem.bootstrap { _ in StandardErrorLog(role: role) }
    }
}
