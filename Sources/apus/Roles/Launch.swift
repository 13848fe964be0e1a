import ApusConfiguration
import ApusJSON
import ApusObserve
import ApusWire
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a process was started with: the resolved configuration, and the command line as people may see it.
struct Launch: Sendable {
    var configuration: ServeConfiguration
    /// Without keys.
    let command: String
    var warnings: [String] = []

    /// The file by which a supervisor hands its configuration on, mode 0600: keys are never on a child's command line.
    static let fileName = "configuration.json"

    /// Reads flags, environment and file, and resolves what follows from them; prints the help and ends if asked to.
    ///
    /// - Parameter seed: used when none is given; nil: drawn.
    static func read(
        command: String, arguments: [String], environment: [String: String], seed: Int? = nil
    ) throws -> Launch {
        HiddenArguments.hide()
        switch try ConfigurationLoader().load(arguments: arguments, environment: environment) {
        case .help:
            print(HelpText.render(command: command), terminator: "")
            exit(0)
        case .configuration(let configuration, let warnings):
            let resolved = try configuration.resolved(
                bundledModel: { () throws(ConfigurationError) in
                    try BundledModel.find(executable: Executable.path, environment: environment)
                }, seed: seed ?? Int.random(in: ServeConfiguration.seedRange))
            let words = ["apus", command] + LaunchCommand.redacted(arguments)
            return Launch(configuration: resolved, command: words.joined(separator: " "), warnings: warnings)
        }
    }

    func warn(_ logger: Logger) {
        for warning in warnings { logger.warning("\(warning)") }
    }

    /// Returns the file's path.
    func store(in directory: RuntimeDirectory) throws -> String {
        let path = "\(directory.path)/\(Self.fileName)"
        let json: JSONValue = ["command": .string(command), "configuration": configuration.json]
        let bytes = json.serialized
        unlink(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0, write(file, bytes, bytes.count) == bytes.count, close(file) == 0 else {
            throw Failure("\(path): \(String(cString: strerror(errno)))", code: Failure.other)
        }
        return path
    }

    /// Reads what `store` wrote.
    init(file path: String) throws {
        guard let file = fopen(path, "rbe") else {
            throw Failure("\(path): \(String(cString: strerror(errno)))", code: Failure.other)
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let json = try JSONValue(parsing: Array(bytes[..<fread(&bytes, 1, bytes.count, file)]))
        guard let command = json["command"]?.stringValue, let configuration = json["configuration"] else {
            throw Failure("\(path) is incomplete", code: Failure.other)
        }
        self.init(configuration: try ServeConfiguration(json: configuration), command: command)
    }

    init(configuration: ServeConfiguration, command: String, warnings: [String] = []) {
        self.configuration = configuration
        self.command = command
        self.warnings = warnings
    }
}
