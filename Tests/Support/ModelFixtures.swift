/// The small models that test targets share, made by `Tests/Fixtures/models/make_model_goldens.py`.
package enum ModelFixtures {
    package static let names =
        ["llama-scaled", "llama-biased", "mistral", "qwen2", "qwen2-window", "qwen3"] + experts

    /// Those with experts.
    package static let experts = ["qwen2-moe", "qwen3-moe", "mixtral"]

    /// A model's folder.
    package static func directory(_ name: String) -> String { "\(folder)/\(name)" }

    /// The file of what transformers answers.
    package static func golden(_ name: String) -> String { "\(folder)/\(name).golden.safetensors" }

    /// The file of a prompt's hidden states.
    package static func hidden(_ name: String) -> String { "\(folder)/\(name).hidden.safetensors" }

    private static let folder: String = {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        return "/\(tests)/Fixtures/models"
    }()
}
