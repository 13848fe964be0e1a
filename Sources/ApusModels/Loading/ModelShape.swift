package import ApusCheckpoint

/// What stays the same when a model's weights are replaced.
package struct ModelShape: Sendable {
    package let configuration: ModelConfiguration
    /// What the model takes from its checkpoint.
    package let tensors: [(name: String, shape: [Int])]
    /// Bytes of weights that stay in memory.
    package let weightByteCount: Int

    package init(_ decoder: Decoder) {
        configuration = decoder.configuration
        tensors = decoder.catalog.tensors
        weightByteCount = decoder.weightByteCount
    }
}
