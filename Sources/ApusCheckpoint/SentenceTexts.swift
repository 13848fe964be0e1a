import ApusJSON

/// What the sentence-transformers files of a folder say is done to a text before it becomes ids.
package struct SentenceTexts: Sendable, Hashable {
    /// Stands in front of every text: the prompt that `default_prompt_name` names.
    package let prefix: String
    /// Most tokens of a text, special ones included, beyond which its end is cut off; nil: as many as the tokenizer says.
    package let maximumLength: Int?
    package let lowercases: Bool

    /// The configuration of the transformer, whose name tells the first model that it was written for.
    private static let names = [
        "bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet",
    ].map { "sentence_\($0)_config.json" }

    /// nil when the folder has no modules.json.
    package init?(directory: String) throws(CheckpointError) {
        guard FileSystem.isFile("\(directory)/modules.json") else { return nil }
        var maximumLength: Int?
        var lowercases = false
        let paths = Self.names.map { "\(directory)/\($0)" }
        if let path = paths.first(where: FileSystem.isFile) {
            let file = try JSONFile(path: path)
            maximumLength = try file.integer("max_seq_length", in: 1...1 << 24)
            lowercases = try file.boolean("do_lower_case") ?? false
        }
        self.maximumLength = maximumLength
        self.lowercases = lowercases
        prefix = try Self.defaultPrompt("\(directory)/config_sentence_transformers.json")
    }

    private static func defaultPrompt(_ path: String) throws(CheckpointError) -> String {
        guard FileSystem.isFile(path) else { return "" }
        let file = try JSONFile(path: path)
        guard let name = try file.string("default_prompt_name") else { return "" }
        guard let prompt = file.value("prompts")?[name]?.stringValue else {
            throw file.failure("default_prompt_name '\(name)' is not among the prompts")
        }
        return prompt
    }
}
