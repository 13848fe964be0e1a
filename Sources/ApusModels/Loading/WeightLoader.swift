import ApusCore
import ApusTensor

/// Takes tensors from their source into the form in which they stay, and gives the source's memory back as it goes.
final class WeightLoader {
    enum Purpose {
        /// Numbers are read and packed.
        case load
        /// Every tensor is looked up, none is read: the model that comes of it is empty, and what it asked for is known
        /// to be there. A bad checkpoint of any size fails at once.
        case survey
    }

    let runtime: TensorRuntime
    /// What weights are packed as and computed in: `bfloat16` or `float32`.
    let element: ElementType
    let catalog = WeightCatalog()
    private let purpose: Purpose
    private let source: any WeightSource
    private let progress: ((_ done: Int, _ total: Int) -> Void)?
    private var done = 0

    /// - Parameter progress: Called after each tensor with bytes read and bytes in all (0: unknown).
    init(
        source: any WeightSource, element: ElementType, runtime: TensorRuntime, purpose: Purpose = .load,
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) {
        precondition(element != .float16)
        self.source = source
        self.element = element
        self.runtime = runtime
        self.purpose = purpose
        self.progress = progress
    }

    func vector(_ name: String, count: Int) throws -> AlignedBuffer {
        guard let tensor = try take(name, shape: [count]) else { return AlignedBuffer() }
        let buffer = try AlignedBuffer(byteCount: count * MemoryLayout<Float>.stride)
        withExtendedLifetime(tensor.owner) {
            runtime.convert(tensor.base, from: tensor.element, to: buffer.base, as: .float32, count: count)
        }
        finished(tensor)
        catalog.note(name, at: .vector(buffer))
        return buffer
    }

    func packed(
        _ projections: [(name: String, outputs: Int)], inputs: Int, bias: Bool,
        arrangement: PackedWeight.Arrangement
    ) throws -> PackedWeight {
        var builder = PackedWeight.Builder(inputs: inputs, element: element, arrangement: arrangement)
        var tensors: [WeightTensor] = []
        for (name, outputs) in projections {
            let weight = try take("\(name).weight", shape: [outputs, inputs])
            let vector = bias ? try take("\(name).bias", shape: [outputs]) : nil
            guard let weight else { continue }
            tensors.append(weight)
            var biasSource: PackedWeight.Source?
            if let vector {
                tensors.append(vector)
                biasSource = PackedWeight.Source(
                    base: vector.base, element: vector.element, outputs: outputs, rowStride: 1)
            }
            builder.append(
                PackedWeight.Source(base: weight.base, element: weight.element, outputs: outputs, rowStride: inputs),
                bias: biasSource)
        }
        guard purpose == .load else {
            return PackedWeight(
                outputs: projections.reduce(0) { $0 + $1.outputs }, inputs: inputs, format: .init(element),
                arrangement: arrangement)
        }
        let packed = try withExtendedLifetime(tensors) {
            try builder.build(runtime) { outputs in
                // One projection alone may be an embedding table, the larger part of a small model.
                if projections.count == 1 { tensors[0].discard(outputs * tensors[0].rowByteCount) }
            }
        }
        for tensor in tensors { finished(tensor) }
        var first = 0
        for (part, (name, outputs)) in projections.enumerated() {
            catalog.note("\(name).weight", at: .columns(packed, part: part, first: first))
            if bias { catalog.note("\(name).bias", at: .biases(packed, part: part, first: first)) }
            first += outputs
        }
        return packed
    }

    /// A table whose rows are looked up, not multiplied: as the source has it, but never wider than `element`.
    func table(_ name: String, rows: Int, columns: Int) throws -> (buffer: AlignedBuffer, element: ElementType) {
        guard let tensor = try take("\(name).weight", shape: [rows, columns]) else { return (AlignedBuffer(), element) }
        let kept = tensor.element == .float32 ? element : tensor.element
        let buffer = try AlignedBuffer(byteCount: rows * columns * kept.byteCount)
        // Blocks keep every thread busy; a slice of blocks is what the source has in memory at a time.
        let block = 256
        let slice = 16 * runtime.pool.threadCount
        let blocks = (rows + block - 1) / block
        withExtendedLifetime(tensor.owner) {
            for start in stride(from: 0, to: blocks, by: slice) {
                runtime.pool.run(count: min(slice, blocks - start)) { index, _ in
                    let row = (start + index) * block
                    runtime.convert(
                        tensor.base + row * tensor.rowByteCount, from: tensor.element,
                        to: buffer.base + row * columns * kept.byteCount, as: kept,
                        count: min(block, rows - row) * columns)
                }
                tensor.discard(min(rows, (start + slice) * block) * tensor.rowByteCount)
            }
        }
        finished(tensor)
        catalog.note("\(name).weight", at: .table(buffer, kept))
        return (buffer, kept)
    }

    /// nil: the tensor is there, and this is a survey.
    private func take(_ name: String, shape: [Int]) throws -> WeightTensor? {
        switch purpose {
        case .survey:
            try source.check(name, shape: shape)
            return nil
        case .load:
            let tensor = try source.tensor(name, shape: shape)
            catalog.note(name, shape: shape)
            return tensor
        }
    }

    private func finished(_ tensor: WeightTensor) {
        tensor.discard(tensor.byteCount)
        done += tensor.byteCount
        progress?(done, source.byteCount)
    }
}
