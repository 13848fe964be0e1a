/// The part of a decoder's config.json that describes its mixture of experts.
package struct ExpertConfiguration: Sendable, Hashable {
    /// Experts of a sparse layer, numbered from 0.
    package let count: Int
    /// Experts that each token visits.
    package let chosen: Int
    /// Width of one expert.
    package let width: Int
    /// Width of the expert that every token visits beside the chosen ones; nil: there is none.
    package let sharedWidth: Int?
    /// The shares of the chosen experts add up to 1.
    package let normalizesShares: Bool
    /// Which layers are sparse; the others have a feed-forward layer of `intermediate_size`.
    package let sparseLayers: [Bool]

    /// nil when the model has no experts.
    ///
    /// - Parameter denseWidth: `intermediate_size`.
    init?(_ file: JSONFile, architecture: String, layerCount: Int, denseWidth: Int) throws(CheckpointError) {
        guard let family = Family(architecture) else { return nil }
        func size(_ key: String, default fallback: Int?) throws(CheckpointError) -> Int {
            guard let value = try file.integer(key, in: 1...1 << 20) ?? fallback else {
                throw file.failure("no \(key)")
            }
            return value
        }
        let countKey = file.value("num_local_experts") != nil ? "num_local_experts" : "num_experts"
        if family != .mixtral, try file.integer(countKey, in: 0...1 << 16) == 0 { return nil }
        guard let count = try file.integer(countKey, in: 1...1 << 16) else { throw file.failure("no \(countKey)") }
        self.count = count
        guard let chosen = try file.integer("num_experts_per_tok", in: 1...count) else {
            throw file.failure("no num_experts_per_tok")
        }
        self.chosen = chosen
        width = try size("moe_intermediate_size", default: family == .mixtral ? denseWidth : nil)
        sharedWidth = family == .qwen2 ? try size("shared_expert_intermediate_size", default: nil) : nil
        normalizesShares = family == .mixtral ? true : try file.boolean("norm_topk_prob") ?? false
        guard family != .mixtral else {
            sparseLayers = Array(repeating: true, count: layerCount)
            return
        }
        let step = try file.integer("decoder_sparse_step", in: 1...1 << 20) ?? 1
        let dense = Set(try file.tokenIDs("mlp_only_layers").map { Int($0) })
        let sparseLayers = (0..<layerCount).map { !dense.contains($0) && ($0 + 1).isMultiple(of: step) }
        guard sparseLayers.contains(true) else { return nil }
        self.sparseLayers = sparseLayers
    }

    /// Architectures whose configurations have the same keys, by the beginning of their names.
    private enum Family {
        case mixtral
        case qwen2
        case qwen3

        init?(_ architecture: String) {
            if architecture.hasPrefix("Mixtral") {
                self = .mixtral
            } else if architecture.hasPrefix("Qwen2Moe") {
                self = .qwen2
            } else if architecture.hasPrefix("Qwen3Moe") {
                self = .qwen3
            } else {
                return nil
            }
        }
    }
}
