package import ApusCheckpoint

/// What stays the same when a model's weights are replaced.
package struct ModelShape: Sendable {
    package let configuration: ModelConfiguration
    package let quantization: Quantization?
    /// Bytes of weights that stay in memory.
    package let weightByteCount: Int

    package init(_ decoder: Decoder) {
        configuration = decoder.configuration
        quantization = decoder.quantization
        weightByteCount = decoder.weightByteCount
    }
}
