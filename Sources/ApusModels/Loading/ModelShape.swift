package import ApusCheckpoint

/// What stays the same when a model's weights are replaced.
package struct ModelShape: Sendable {
    package let configuration: ModelConfiguration
    /// Bytes of weights that stay in memory.
    package let weightByteCount: Int

    package init(_ decoder: Decoder) {
        configuration = decoder.configuration
        weightByteCount = decoder.weightByteCount
    }
}
