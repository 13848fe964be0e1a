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

        /// Panels of 16 columns.
        func panels(outputs: Int) -> Int {
            let width = Int(APUS_PANEL)
            return self == .sequential ? (outputs + width - 1) / width : (outputs / 2 + width - 1) / width * 2
        }
    }

    /// What the numbers are packed as.
    package enum Format: Sendable, Hashable {
        case float32
        /// Activations are rounded to bfloat16 too.
        case bfloat16
        /// One scale per output; activations are quantised row by row (W8A8), sums are exact.
        case int8
        /// One scale per output and group of 32 or 128 inputs; activations are quantised by the same groups, sums within
        /// one are exact.
        case int4(groupSize: Int)

        /// The format in which a weight of that element type is kept when nothing is quantised.
        package init(_ element: ElementType) {
            self = element == .float32 ? .float32 : .bfloat16
        }

        /// For logs: "int8", "int4 in groups of 32".
        package var name: String {
            switch self {
            case .float32: "float32"
            case .bfloat16: "bfloat16"
            case .int8: "int8"
            case .int4(let groupSize): "int4 in groups of \(groupSize)"
            }
        }

        /// Activations go into products as they are, or rounded: nothing of the rest of their row has to be known.
        var takesNumbersAsTheyAre: Bool { self == .float32 || self == .bfloat16 }

        /// How a panel of 16 outputs is laid out, for logs.
        package var packing: String {
            switch self {
            case .float32: "panels [inputs][16]"
            case .bfloat16: "panels [inputs / 2][16][2]"
            case .int8: "panels [inputs / 4][16][4]"
            case .int4: "panels [inputs / 8][16][8], scales beside"
            }
        }

        /// What inner dimensions are padded to, and the bytes that a panel has for so many inputs.
        private var block: (inputs: Int, bytes: Int) {
            switch self {
            case .float32: (Int(APUS_INNER_BLOCK), Int(APUS_INNER_BLOCK) * 64)
            case .bfloat16: (Int(APUS_INNER_BLOCK), Int(APUS_INNER_BLOCK) * 32)
            case .int8: (Int(APUS_INNER_BLOCK_INT8), Int(APUS_INNER_BLOCK_INT8) * 16)
            case .int4(32): (Int(APUS_INNER_BLOCK_INT4_32), Int(APUS_INNER_BLOCK_INT4_32) * 8 + 64)
            case .int4(128): (Int(APUS_INNER_BLOCK_INT4_128), Int(APUS_INNER_BLOCK_INT4_128) * 8 + 64)
            case .int4(let groupSize): preconditionFailure("groups of \(groupSize) have no kernels")
            }
        }

        /// What a number takes in memory, its share of the scales included.
        package var bytesPerNumber: Double { Double(block.bytes) / Double(block.inputs * Int(APUS_PANEL)) }

        func padded(_ inputs: Int) -> Int {
            (inputs + block.inputs - 1) / block.inputs * block.inputs
        }

        func panelByteCount(_ inputs: Int) -> Int {
            padded(inputs) / block.inputs * block.bytes
        }
    }

    /// Columns of the product. For `paired`, gate and up together.
    package let outputs: Int
    package let inputs: Int
    package let format: Format
    package let arrangement: Arrangement

    /// Empty in a weight that is only a shape.
    let buffer: AlignedBuffer
    /// One value per packed column, or nil.
    let bias: AlignedBuffer?
    /// int8 only: a scale and a sum of bytes per packed column.
    let scales: AlignedBuffer?
    let sums: AlignedBuffer?
    /// Panels of 16 columns.
    let panels: Int

    init(
        outputs: Int, inputs: Int, format: Format, arrangement: Arrangement, panels: Int,
        buffer: AlignedBuffer, bias: AlignedBuffer?, scales: AlignedBuffer?, sums: AlignedBuffer?
    ) {
        self.outputs = outputs
        self.inputs = inputs
        self.format = format
        self.arrangement = arrangement
        self.panels = panels
        self.buffer = buffer
        self.bias = bias
        self.scales = scales
        self.sums = sums
    }

    /// A weight without numbers, for whoever only wants to know what a model would consist of: it cannot be multiplied.
    package convenience init(outputs: Int, inputs: Int, format: Format, arrangement: Arrangement) {
        self.init(
            outputs: outputs, inputs: inputs, format: format, arrangement: arrangement,
            panels: arrangement.panels(outputs: outputs), buffer: AlignedBuffer(), bias: nil, scales: nil, sums: nil)
    }

    /// Bytes that stay resident, or would if the weight had numbers (without biases, a few kilobytes).
    package var byteCount: Int {
        let columns = panels * Int(APUS_PANEL)
        return panels * format.panelByteCount(inputs) + (format == .int8 ? columns * 8 : 0)
    }

    var hasNumbers: Bool { buffer.byteCount > 0 }
    var paddedInputs: Int { format.padded(inputs) }
}
