#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds the model that comes with Apus.
package enum BundledModel {
    /// Its folder: `$APUS_BUNDLED_MODEL`, else `share/apus/models/apus-mini` beside the executable's `bin`,
    /// else `Deploy/models/apus-mini` in the checkout that the executable was built in.
    package static func find(
        executable: String, environment: [String: String]
    ) throws(ConfigurationError) -> String {
        if let path = environment["APUS_BUNDLED_MODEL"], !path.isEmpty {
            guard isModel(path) else {
                throw ConfigurationError("environment variable APUS_BUNDLED_MODEL: \(path) has no config.json")
            }
            return path
        }
        var folder = parent(of: executable)
        let installed = "\(parent(of: folder))/share/apus/models/apus-mini"
        if isModel(installed) { return installed }
        while folder != "/" && folder != "." {
            let path = "\(folder)/Deploy/models/apus-mini"
            if isModel(path) { return path }
            folder = parent(of: folder)
        }
        throw ConfigurationError(
            "argument --model-path: needed, because the bundled model is neither at \(installed) "
                + "nor in a checkout around \(executable)")
    }

    private static func isModel(_ path: String) -> Bool { access("\(path)/config.json", R_OK) == 0 }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
