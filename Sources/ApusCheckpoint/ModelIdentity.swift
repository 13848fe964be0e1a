package import ApusJSON

/// What config.json says of any model, before it is known what kind of model it is.
package struct ModelIdentity: Sendable {
    /// First of `architectures`.
    package let architecture: String
    package let modelType: String?
    /// Everything in the file, overrides included.
    package let members: JSONObject

    /// - Parameters:
    ///   - directory: The model folder.
    ///   - overrides: Merged over the file member by member.
    package init(directory: String, overrides: JSONObject = [:]) throws(CheckpointError) {
        var file = try JSONFile(path: "\(directory)/config.json")
        for member in overrides { file.members[member.key] = member.value }
        guard let architecture = file.value("architectures")?.arrayValue?.first?.stringValue else {
            throw file.failure("no architectures")
        }
        self.architecture = architecture
        modelType = try file.string("model_type")
        members = file.members
    }

    /// Names of the classes of a classifier, in their order: `id2label`, else as many as `num_labels` says, else two, as
    /// transformers has it.
    package var labels: [String] {
        if let named = members["id2label"]?.objectValue, !named.isEmpty {
            return (0..<named.count).map { named["\($0)"]?.stringValue ?? "LABEL_\($0)" }
        }
        let count = members["num_labels"]?.intValue ?? 2
        return (0..<min(max(count, 1), 1 << 20)).map { "LABEL_\($0)" }
    }
}
