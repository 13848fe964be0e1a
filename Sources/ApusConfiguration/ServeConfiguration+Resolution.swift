extension ServeConfiguration {
    /// Fills in what follows from other values, so that all roles and `/get_server_info` see the same.
    /// What depends on the model or its memory is resolved by the scheduler, which alone knows it.
    ///
    /// - Parameters:
    ///   - bundledModel: folder that is served when no `--model-path` is given; asked for only then.
    ///   - seed: drawn when no `--random-seed` is given.
    package func resolved(
        bundledModel: () throws(ConfigurationError) -> String, seed: Int
    ) throws(ConfigurationError) -> ServeConfiguration {
        var resolved = self
        let modelPath: String
        if let path = self.modelPath { modelPath = path } else { modelPath = try bundledModel() }
        resolved.set("model-path", .text(modelPath))
        resolved.setUnlessGiven("tokenizer-path", .text(modelPath))
        resolved.setUnlessGiven("served-model-name", .text(modelPath))
        resolved.setUnlessGiven("log-level-http", .text(logLevel))
        resolved.setUnlessGiven("random-seed", .integer(seed))
        resolved.setUnlessGiven("page-size", .integer(1))
        resolved.set("device", .text("cpu"))
        // Either flag stands for both.
        if returnsHiddenStates { resolved.setUnlessGiven("return-hidden-states-mode", .text("full")) }
        if resolved.hiddenStatesMode != nil { resolved.set("enable-return-hidden-states", .boolean(true)) }
        if resolved.servedModelName?.contains(":") == true {
            throw ConfigurationError("argument --served-model-name: needed, because the model path contains ':'")
        }
        return resolved
    }

    /// The seeds that are drawn, as the reference has them.
    package static let seedRange = 0...(1 << 30)

    /// The same, for another folder of sockets.
    package func with(runtimeDirectory: String) -> ServeConfiguration {
        var copy = self
        copy.set("runtime-dir", .text(runtimeDirectory))
        return copy
    }

    /// The same, for another model, and its tokenizer unless that is another one's.
    package func with(modelPath: String) -> ServeConfiguration {
        var copy = self
        if tokenizerPath == self.modelPath { copy.set("tokenizer-path", .text(modelPath)) }
        copy.set("model-path", .text(modelPath))
        return copy
    }

    private mutating func setUnlessGiven(_ name: String, _ value: FlagValue) {
        if self[name] == .null { set(name, value) }
    }
}

extension ServeConfiguration {
    /// Flags whose values a running server may take anew.
    package static let changeable: Set<String> = [
        "log-level", "log-level-http", "api-key", "api-key-file", "admin-api-key", "admin-api-key-file", "ssl-certfile",
        "ssl-keyfile", "ssl-keyfile-password", "ssl-ca-certs",
    ]

    /// The flags that `other` gives another value, in the table's order.
    package func differences(from other: ServeConfiguration) -> [String] {
        table.flags.map(\.name).filter { self[$0] != other[$0] }
    }
}
