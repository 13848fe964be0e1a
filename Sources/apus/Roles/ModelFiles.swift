import ApusCheckpoint
import ApusConfiguration
import ApusCore
import ApusModels

/// Where a role finds the model that the configuration names.
enum ModelFiles {
    static func modelDirectory(_ role: RoleLaunch) throws -> String {
        try directory(role.configuration.modelPath ?? "", role.configuration, role.environment)
    }

    static func tokenizerDirectory(_ role: RoleLaunch) throws -> String {
        try directory(role.configuration.tokenizerPath ?? "", role.configuration, role.environment)
    }

    /// The model, checked and not yet read.
    static func loader(_ role: RoleLaunch) throws -> ModelLoader {
        let given = role.configuration
        return try ModelLoader(
            directory: modelDirectory(role), weights: given.loadFormat == "dummy" ? .random : .checkpoint,
            elementType: elementType(given.dtype), overrides: given.modelOverrides)
    }

    /// What `--dtype` means; nil: the loader's choice. float16 is computed in bfloat16, which is as fast and wider.
    static func elementType(_ dtype: String) -> ElementType? {
        switch dtype {
        case "float", "float32": .float32
        case "bfloat16", "half", "float16": .bfloat16
        default: nil
        }
    }

    static func directory(
        _ name: String, _ configuration: ServeConfiguration, _ environment: [String: String]
    ) throws -> String {
        try ModelDirectory.resolve(
            name, revision: configuration.revision, downloadDirectory: configuration.downloadDirectory,
            environment: environment)
    }
}
