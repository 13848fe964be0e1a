package import ApusCheckpoint
package import ApusCore
import ApusJSON
import ApusModels
package import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a decoder's steps cost at least, in operations and in bytes read: the roofline's two sides.
///
/// Norms, positions and sampling are left out: they are a hundredth of either side.
package struct StepCost: Sendable, Hashable {
    /// Weights that every token passes in the layers, and those of the head.
    package var layerWeights: Int
    package var headWeights: Int
    /// Weights of all routed experts, of which a token passes the share `expertShare`.
    package var expertWeights = 0
    package var expertShare = 0.0
    /// Bytes of a weight of the layers, and of the head.
    package var layerBytes: Double
    package var headBytes: Double
    /// Bytes of keys and values of a token in all layers.
    package var kvBytes: Int
    /// Operations of a pair of tokens in attention, all layers and heads.
    package var pairOperations: Int
    /// What weights are multiplied in, and what attention is: KV is never multiplied in 8 bits.
    package var number: MachineLimits.Number
    package var attentionNumber: MachineLimits.Number

    package init(
        _ configuration: ModelConfiguration, elementType: ElementType, quantization: Quantization? = nil,
        kvBytes: Int
    ) {
        let hidden = configuration.hiddenSize, layers = configuration.layerCount
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.kvHeadCount * configuration.headDimension
        let attention = hidden * (2 * queries + 2 * keys)
        func member(_ names: String...) -> Int? {
            names.lazy.compactMap { configuration.members[$0]?.intValue }.first { $0 > 0 }
        }
        if let experts = member("num_experts", "num_local_experts"), let chosen = member("num_experts_per_tok") {
            let width = member("moe_intermediate_size") ?? configuration.intermediateSize
            let shared = member("shared_expert_intermediate_size") ?? 0
            layerWeights = layers * (attention + hidden * (experts + 3 * shared))
            expertWeights = layers * experts * 3 * hidden * width
            expertShare = min(1, Double(chosen) / Double(experts))
        } else {
            layerWeights = layers * (attention + 3 * hidden * configuration.intermediateSize)
        }
        headWeights = configuration.vocabularySize * hidden
        let format = quantization?.format ?? PackedWeight.Format(elementType)
        layerBytes = format.bytesPerNumber
        // A quantised model's head has 8 bits.
        headBytes = (quantization == nil ? format : .int8).bytesPerNumber
        (number, attentionNumber) = Self.numbers(elementType, quantization)
        self.kvBytes = kvBytes
        pairOperations = 4 * layers * queries
    }

    /// An encoder's.
    package init(_ configuration: EncoderConfiguration, elementType: ElementType, quantization: Quantization? = nil) {
        let hidden = configuration.hiddenSize
        layerWeights = configuration.layerCount * (4 * hidden * hidden + 2 * hidden * configuration.intermediateSize)
        headWeights = 0
        layerBytes = (quantization?.format ?? PackedWeight.Format(elementType)).bytesPerNumber
        headBytes = 0
        (number, attentionNumber) = Self.numbers(elementType, quantization)
        kvBytes = 0
        pairOperations = 4 * configuration.layerCount * hidden
    }

    private static func numbers(
        _ elementType: ElementType, _ quantization: Quantization?
    ) -> (weights: MachineLimits.Number, attention: MachineLimits.Number) {
        let plain = elementType == .float32 ? MachineLimits.Number.float32 : .bfloat16
        return (quantization == nil ? plain : .int8, plain)
    }

    /// Shortest time of a batch of texts whose tokens all see each other.
    package func encodeSeconds(texts: Int, length: Int, on machine: MachineLimits) -> Double {
        let rows = Double(texts) * Double(length)
        let seconds = arithmeticSeconds(tokens: rows, heads: 0, pairs: rows * Double(length), on: machine)
        return max(seconds, weightBytes(rows: texts * length) / machine.bandwidth)
    }

    /// Operations of a token in the layers, without attention.
    package var tokenOperations: Double {
        2 * (Double(layerWeights) + Double(expertWeights) * expertShare)
    }

    /// Bytes of weights that a step of so many rows reads.
    package func weightBytes(rows: Int) -> Double {
        sharedBytes + expertBytes * (1 - pow(1 - expertShare, Double(rows)))
    }

    /// Bytes of the weights that every step reads, and of all routed experts.
    package var sharedBytes: Double { Double(layerWeights) * layerBytes + Double(headWeights) * headBytes }
    package var expertBytes: Double { Double(expertWeights) * layerBytes }

    /// Shortest time of a prompt of `length` tokens in one step.
    package func prefillSeconds(length: Int, on machine: MachineLimits) -> Double {
        let pairs = Double(length) * Double(length + 1) / 2
        let seconds = arithmeticSeconds(tokens: Double(length), heads: 1, pairs: pairs, on: machine)
        return max(seconds, weightBytes(rows: length) / machine.bandwidth)
    }

    /// Shortest time of a step of `batch` streams with `context` tokens each.
    package func decodeSeconds(batch: Int, context: Int, on machine: MachineLimits) -> Double {
        let (rows, positions) = (Double(batch), Double(batch) * Double(context))
        let bytes = weightBytes(rows: batch) + positions * Double(kvBytes)
        return max(
            arithmeticSeconds(tokens: rows, heads: rows, pairs: positions, on: machine), bytes / machine.bandwidth)
    }

    /// Rows of the layers, rows of the head, pairs of tokens.
    private func arithmeticSeconds(
        tokens: Double, heads: Double, pairs: Double, on machine: MachineLimits
    ) -> Double {
        (tokens * tokenOperations + 2 * heads * Double(headWeights)) / machine.peak(number)
            + pairs * Double(pairOperations) / machine.peak(attentionNumber)
    }
}
