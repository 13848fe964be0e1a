package import ApusCore
import CKernels

/// A weight matrix [outputs, inputs] in the order in which products read it (see `Sources/CKernels/README.md`).
///
/// `@unchecked Sendable`: nothing changes after `Builder.build`.
package final class PackedWeight: @unchecked Sendable {
    /// How the outputs of several tensors follow one another.
    package enum Arrangement: Sendable {
        /// One after the other: queries, keys, values.
        case sequential
        /// Two tensors of equal size, 16 outputs of the one and 16 of the other in turn: gate and up, whose product
        /// `linear` can finish as silu(gate) * up.
        case paired
    }

    /// Columns of the product. For `paired`, gate and up together.
    package let outputs: Int
    package let inputs: Int
    /// `float32` or `bfloat16`.
    package let element: ElementType
    package let arrangement: Arrangement

    let buffer: AlignedBuffer
    /// One value per packed column, or nil.
    let bias: AlignedBuffer?
    /// Panels of 16 columns.
    let panels: Int

    init(
        outputs: Int, inputs: Int, element: ElementType, arrangement: Arrangement, panels: Int,
        buffer: AlignedBuffer, bias: AlignedBuffer?
    ) {
        self.outputs = outputs
        self.inputs = inputs
        self.element = element
        self.arrangement = arrangement
        self.panels = panels
        self.buffer = buffer
        self.bias = bias
    }

    /// Bytes that stay resident.
    package var byteCount: Int {
        buffer.byteCount + (bias?.byteCount ?? 0)
    }

    var paddedInputs: Int { Self.padded(inputs) }

    static func padded(_ inputs: Int) -> Int {
        let block = Int(APUS_INNER_BLOCK)
        return (inputs + block - 1) / block * block
    }
}
