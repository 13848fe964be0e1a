import ApusJSON
import ApusWire
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Which weights serve, for the scheduler that comes after one that died, and for others that begin anew meanwhile.
///
/// A file in the runtime directory, written whenever the weights change and removed when a scheduler ends in order, so
/// that a restart that somebody asked for begins with the launch's model.
struct WeightRecord: Equatable {
    /// The launch's model: what is recorded for another one is of no use.
    let model: String
    /// What the last update named; nil: the launch's weights.
    var path: String?
    var format: String?
    var version: String
    /// Starts with these weights that have not come to serve.
    var attempts = 0

    private static let fileName = "weights.json"
    /// Weights that two schedulers died of while they loaded them are not tried again.
    private static let mostAttempts = 2

    private static func file(in directory: RuntimeDirectory) -> String { "\(directory.path)/\(fileName)" }

    /// What the scheduler before this one served, if it died and served something else than it was started with.
    ///
    /// - Parameter model: The launch's.
    static func inherited(in directory: RuntimeDirectory, model: String, logger: Logger) -> WeightRecord? {
        guard var record = current(in: directory, model: model) else {
            forget(in: directory)
            return nil
        }
        guard record.attempts < mostAttempts else {
            logger.error(
                """
                The weights from \(record.path ?? model) that served before were tried \(record.attempts) times without \
                success: the launch's weights are loaded.
                """)
            forget(in: directory)
            return nil
        }
        record.attempts += 1
        record.write(in: directory, logger: logger)
        return record
    }

    /// What serves, as far as is known.
    ///
    /// - Parameter model: The launch's.
    static func current(in directory: RuntimeDirectory, model: String) -> WeightRecord? {
        read(in: directory).flatMap { $0.model == model ? $0 : nil }
    }

    static func forget(in directory: RuntimeDirectory) { unlink(file(in: directory)) }

    /// Replaces the file as a whole. A failure costs the next scheduler its knowledge, not this one its work.
    func write(in directory: RuntimeDirectory, logger: Logger) {
        let json: JSONValue = [
            "model": .string(model), "path": path.map(JSONValue.string) ?? .null,
            "format": format.map(JSONValue.string) ?? .null, "version": .string(version),
            "attempts": JSONValue(attempts),
        ]
        let path = Self.file(in: directory)
        let draft = "\(path).new"
        let bytes = json.serialized
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let isWritten = file >= 0 && Self.write(file, bytes)
        if file >= 0 { close(file) }
        guard isWritten, rename(draft, path) == 0 else {
            logger.error("\(path): \(String(cString: strerror(errno))); a crash would bring the launch's weights back")
            unlink(draft)
            return
        }
    }

    private static func write(_ file: Int32, _ bytes: [UInt8]) -> Bool {
        #if canImport(Glibc)
            Glibc.write(file, bytes, bytes.count) == bytes.count
        #else
            Darwin.write(file, bytes, bytes.count) == bytes.count
        #endif
    }

    private static func read(in directory: RuntimeDirectory) -> WeightRecord? {
        guard let file = fopen(file(in: directory), "rbe") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        guard let json = try? JSONValue(parsing: Array(bytes[..<fread(&bytes, 1, bytes.count, file)])),
            let model = json["model"]?.stringValue, let version = json["version"]?.stringValue,
            let attempts = json["attempts"]?.intValue
        else { return nil }
        return WeightRecord(
            model: model, path: json["path"]?.stringValue, format: json["format"]?.stringValue, version: version,
            attempts: attempts)
    }
}
