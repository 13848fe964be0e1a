import ApusConfiguration

/// Loads a configuration from arguments alone; no variable of the machine plays a part.
func load(_ arguments: [String], environment: [String: String] = [:]) throws -> ServeConfiguration {
    try loadWithWarnings(arguments, environment: environment).0
}

func loadWithWarnings(
    _ arguments: [String], environment: [String: String] = [:]
) throws -> (ServeConfiguration, [String]) {
    switch try ConfigurationLoader().load(arguments: arguments, environment: environment) {
    case .help: throw ConfigurationError("help was asked for")
    case .configuration(let configuration, let warnings): return (configuration, warnings)
    }
}

/// The message with which a configuration is refused; nil when it is not.
func refusal(_ arguments: [String], environment: [String: String] = [:]) -> String? {
    do {
        _ = try load(arguments, environment: environment)
        return nil
    } catch {
        return "\(error)"
    }
}
