extension ServeConfiguration {
    /// Refuses values that contradict each other.
    func checkConsistency() throws(ConfigurationError) {
        if let name = servedModelName, name.contains(":") {
            throw ConfigurationError("argument --served-model-name: '\(name)' must not contain ':'")
        }
        if let chunk = chunkedPrefillSize, chunk != -1 {
            guard chunk > 0 else {
                throw ConfigurationError("argument --chunked-prefill-size: 0 is neither -1 nor a size")
            }
            guard chunk % pageSize == 0 else {
                throw ConfigurationError(
                    "argument --chunked-prefill-size: \(chunk) is not a multiple of --page-size \(pageSize)")
            }
        }
        if let total = maxTotalTokens, total < pageSize {
            throw ConfigurationError("argument --max-total-tokens: \(total) is less than --page-size \(pageSize)")
        }
        if let soft = softWatchdogTimeout, soft >= watchdogTimeout {
            throw ConfigurationError(
                "argument --soft-watchdog-timeout: \(soft) is not below --watchdog-timeout \(watchdogTimeout)")
        }
        if loadFormat == "dummy", modelPath == nil {
            throw ConfigurationError("argument --load-format: dummy needs --model-path, a folder with a config.json")
        }
        if let key = text("admin-api-key"), key == text("api-key") {
            throw ConfigurationError("argument --admin-api-key: the same as --api-key, which protects nothing more")
        }
    }
}
