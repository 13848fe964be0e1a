import Configuration

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Brings the four places where a value may stand together, once, before anything is started:
/// command line > environment (`APUS_<FLAG>`) > YAML file > default.
package struct ConfigurationLoader {
    package let table: FlagTable

    package init(table: FlagTable = .standard) {
        self.table = table
    }

    package enum Outcome: Sendable {
        case help
        case configuration(ServeConfiguration, warnings: [String])
    }

    /// Reads everything and checks it; what depends on the machine is resolved later (`resolved(machine:)`).
    package func load(arguments: [String], environment: [String: String]) throws(ConfigurationError) -> Outcome {
        let commandLine = try CommandLineParser(table: table).parse(arguments)
        if commandLine.wantsHelp { return .help }
        try refuseUnknownVariables(environment)

        let path = commandLine.values["config"] ?? environment["APUS_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        var fileValues: [String: String] = [:]
        if let path {
            fileValues = try ConfigurationFile.parse(try Self.read(path), path: path, table: table)
        }

        let sources = [
            Source("", InMemoryProvider(name: "command line", values: Self.keyed(commandLine.values))),
            Source(
                "environment",
                EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty })),
            Source(path ?? "", InMemoryProvider(name: path, values: Self.keyed(fileValues))),
        ]
        var values: [String: FlagValue] = [:]
        var warnings = commandLine.warnings
        for flag in table.flags {
            guard let (text, source) = Self.firstText(of: flag, in: sources) else { continue }
            let value: FlagValue
            do {
                value = try flag.kind.value(of: text)
            } catch {
                throw ConfigurationError("\(Self.place(of: flag, in: source)): \(error.message)")
            }
            if let warning = try Self.judge(flag, value, place: Self.place(of: flag, in: source)) {
                warnings.append(warning)
            }
            values[flag.name] = value
        }
        let configuration = ServeConfiguration(
            table: table, values: values, environment: try EnvironmentSettings(environment))
        try configuration.checkConsistency()
        return .configuration(configuration, warnings: warnings)
    }

    /// A place where values may stand.
    private struct Source {
        let name: String
        let provider: any ConfigProvider

        init(_ name: String, _ provider: any ConfigProvider) {
            self.name = name
            self.provider = provider
        }
    }

    private static func key(_ name: String) -> AbsoluteConfigKey { AbsoluteConfigKey(["apus", name]) }

    private static func keyed(_ values: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        Dictionary(
            uniqueKeysWithValues: values.map { (key($0.key), ConfigValue(.string($0.value), isSecret: false)) })
    }

    private static func firstText(of flag: Flag, in sources: [Source]) -> (text: String, source: Source)? {
        for source in sources {
            guard let result = try? source.provider.value(forKey: key(flag.name), type: .string),
                case .string(let text)? = result.value?.content
            else { continue }
            return (text, source)
        }
        return nil
    }

    /// How a message names a value's place.
    private static func place(of flag: Flag, in source: Source) -> String {
        switch source.name {
        case "": "argument --\(flag.name)"
        case "environment": "environment variable \(flag.environmentName)"
        default: "\(source.name): \(flag.name)"
        }
    }

    /// Refuses what is not supported; otherwise a warning when the value changes nothing.
    private static func judge(_ flag: Flag, _ value: FlagValue, place: String) throws(ConfigurationError) -> String? {
        // Saying what is so anyway needs no comment.
        guard value != flag.defaultValue else { return nil }
        switch flag.support {
        case .works:
            return nil
        case .noEffect(let why):
            return "\(place): no effect: \(why)"
        case .only(let texts, let why):
            guard !texts.contains(value.commandLineText) else { return nil }
            throw ConfigurationError("\(place): \(value.commandLineText) is not supported: \(why)")
        case .refused(let why):
            throw ConfigurationError("\(place): not supported: \(why)")
        }
    }

    private func refuseUnknownVariables(_ environment: [String: String]) throws(ConfigurationError) {
        let known = Set(table.flags.map(\.environmentName)).union(EnvironmentSettings.ownVariables)
        for name in environment.keys.sorted() where name.hasPrefix("APUS_") && !known.contains(name) {
            let near = NearNames.suggestions(for: name, among: Array(known))
            let hint = near.isEmpty ? "" : " (did you mean \(near.joined(separator: ", "))?)"
            throw ConfigurationError("environment variable \(name): unknown\(hint)")
        }
    }

    private static func read(_ path: String) throws(ConfigurationError) -> String {
        guard let file = fopen(path, "rb") else {
            throw ConfigurationError("argument --config: \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
            bytes += buffer[..<count]
            guard bytes.count <= 1 << 20 else { throw ConfigurationError("\(path): more than 1 MiB") }
        }
        guard ferror(file) == 0 else { throw ConfigurationError("argument --config: \(path): cannot be read") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
