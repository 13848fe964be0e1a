/// A projection behind the pooling: the Dense module of sentence-transformers.
package struct SentenceDense: Sendable, Hashable {
    package enum Activation: Sendable, Hashable {
        case none
        case tanh
        case rectified
        case sigmoid
    }

    /// Where its weights are below the model's folder: `linear.weight`, and `linear.bias` if it has one.
    package let folder: String
    package let inputs: Int
    package let outputs: Int
    package let hasBias: Bool
    package let activation: Activation

    init(directory: String, folder: String) throws(CheckpointError) {
        let file = try JSONFile(path: "\(directory)/\(folder)/config.json")
        func size(_ key: String) throws(CheckpointError) -> Int {
            guard let value = try file.integer(key, in: 1...1 << 20) else { throw file.failure("no \(key)") }
            return value
        }
        self.folder = folder
        inputs = try size("in_features")
        outputs = try size("out_features")
        hasBias = try file.boolean("bias") ?? true
        let name = try file.string("activation_function") ?? "Tanh"
        switch name.split(separator: ".").last {
        case "Identity": activation = .none
        case "Tanh": activation = .tanh
        case "ReLU": activation = .rectified
        case "Sigmoid": activation = .sigmoid
        default:
            throw file.failure("activation_function '\(name)' is not supported; Identity, Tanh, ReLU and Sigmoid are")
        }
        for key in ["module_input_name", "module_output_name"] {
            let features = try file.string(key) ?? "sentence_embedding"
            guard features == "sentence_embedding" else {
                throw file.failure("\(key) '\(features)' is not supported; sentence_embedding is")
            }
        }
    }
}
