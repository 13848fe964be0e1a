import ApusCore
import ApusTensor
import ApusTestSupport

/// Activations that own their memory.
struct Activations {
    let buffer: AlignedBuffer
    let matrix: Matrix

    init(rows: Int, columns: Int, fill: Float = 0) {
        buffer = AlignedBuffer()
        matrix = buffer.matrix(rows: rows, columns: columns)
        for row in 0..<rows { matrix[row].update(repeating: fill) }
    }

    init(rows: Int, columns: Int, random: inout SeededRandom) {
        self.init(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns { matrix[row][column] = random.unit() }
        }
    }

    /// All numbers, row by row.
    var values: [Float] { (0..<matrix.rows).flatMap { Array(matrix[$0]) } }
    var bits: [UInt32] { values.map(\.bitPattern) }
}

/// A weight tensor as a checkpoint would have it.
struct Tensor {
    let values: [Float]
    let outputs: Int
    let inputs: Int

    init(outputs: Int, inputs: Int, random: inout SeededRandom) {
        values = (0..<outputs * inputs).map { _ in random.unit() }
        self.outputs = outputs
        self.inputs = inputs
    }

    func dot(_ x: UnsafeMutableBufferPointer<Float>, output: Int) -> Double {
        (0..<inputs).reduce(0.0) { $0 + Double(x[$1]) * Double(values[output * inputs + $1]) }
    }
}

/// Packs tensors that follow one another, with or without biases.
func packed(
    _ tensors: [Tensor], biases: [[Float]?] = [], as format: PackedWeight.Format,
    arrangement: PackedWeight.Arrangement = .sequential, _ runtime: TensorRuntime
) throws -> PackedWeight {
    var builder = PackedWeight.Builder(inputs: tensors[0].inputs, format: format, arrangement: arrangement)
    var pinned: [AlignedBuffer] = []
    func pin(_ values: [Float]) throws -> UnsafeRawPointer {
        let buffer = try AlignedBuffer(byteCount: values.count * 4)
        buffer.floats.update(from: values, count: values.count)
        pinned.append(buffer)
        return UnsafeRawPointer(buffer.base)
    }
    for (index, tensor) in tensors.enumerated() {
        let source = PackedWeight.Source(
            base: try pin(tensor.values), element: .float32, outputs: tensor.outputs, rowStride: tensor.inputs)
        let bias = index < biases.count ? biases[index] : nil
        let biasSource = try bias.map {
            PackedWeight.Source(base: try pin($0), element: .float32, outputs: tensor.outputs, rowStride: 1)
        }
        builder.append(source, bias: biasSource)
    }
    return try withExtendedLifetime(pinned) { try builder.build(runtime) }
}
