import ApusCheckpoint
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
    /// How projections are kept; nil: in `element`.
    let quantization: Quantization?
    /// What the checkpoint says of numbers that are quantised already.
    let stored: StoredQuantization?
    let catalog = WeightCatalog()
    let purpose: Purpose
    let source: any WeightSource
    /// Called before each piece of work, which is done in a millisecond or two: others need the processors, and it returns
    /// when they are free. nil: nobody does, and pieces are large.
    let pace: (() -> Void)?
    private let progress: ((_ done: Int, _ total: Int) -> Void)?
    private var done = 0

    /// - Parameter progress: Called after each tensor with bytes read and bytes in all (0: unknown).
    init(
        source: any WeightSource, element: ElementType, quantization: Quantization? = nil,
        stored: StoredQuantization? = nil, runtime: TensorRuntime,
        purpose: Purpose = .load, pace: (() -> Void)? = nil, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) {
        precondition(element != .float16)
        self.pace = pace
        self.source = source
        self.element = element
        self.quantization = quantization
        self.stored = stored
        self.runtime = runtime
        self.purpose = purpose
        self.progress = progress
    }

    func vector(_ name: String, count: Int) throws -> AlignedBuffer {
        catalog.add(.norm, format: .float32, byteCount: count * MemoryLayout<Float>.stride)
        guard let tensor = try take(name, shape: [count]), let element = tensor.element else { return AlignedBuffer() }
        let buffer = try AlignedBuffer(byteCount: count * MemoryLayout<Float>.stride)
        withExtendedLifetime(tensor.owner) {
            runtime.convert(tensor.base, from: element, to: buffer.base, as: .float32, count: count)
        }
        finished(tensor)
        catalog.note(name, shape: [count], at: .vector(buffer))
        return buffer
    }

    /// A table whose rows are looked up, not multiplied: as the source has it, but never wider than `element`.
    func table(_ name: String, rows: Int, columns: Int) throws -> (buffer: AlignedBuffer, element: ElementType) {
        guard let tensor = try take("\(name).weight", shape: [rows, columns]), let stored = tensor.element else {
            catalog.add(.embedding, table: element, byteCount: rows * columns * element.byteCount)
            return (AlignedBuffer(), element)
        }
        let kept = stored == .float32 ? element : stored
        let buffer = try AlignedBuffer(byteCount: rows * columns * kept.byteCount, from: runtime.spare)
        // Blocks keep every thread busy; a slice of blocks is what the source has in memory at a time.
        let block = pace == nil ? 256 : max(1, pieceByteCount / tensor.rowByteCount)
        let slice = (pace == nil ? 16 : 1) * runtime.pool.threadCount
        let blocks = (rows + block - 1) / block
        withExtendedLifetime(tensor.owner) {
            for start in stride(from: 0, to: blocks, by: slice) {
                pace?()
                runtime.pool.run(count: min(slice, blocks - start)) { index, _ in
                    let row = (start + index) * block
                    runtime.convert(
                        tensor.base + row * tensor.rowByteCount, from: stored,
                        to: buffer.base + row * columns * kept.byteCount, as: kept,
                        count: min(block, rows - row) * columns)
                }
                tensor.discard(min(rows, (start + slice) * block) * tensor.rowByteCount)
            }
        }
        finished(tensor)
        catalog.note("\(name).weight", shape: [rows, columns], at: .table(buffer, kept))
        catalog.add(.embedding, table: kept, byteCount: buffer.byteCount)
        return (buffer, kept)
    }

    /// Of weights that are packed at once.
    var pieceByteCount: Int { pace == nil ? 16 << 20 : 256 << 10 }

    /// nil: the tensor is there, and this is a survey.
    func take(_ name: String, _ type: WeightType = .numbers, shape: [Int]) throws -> WeightTensor? {
        switch purpose {
        case .survey:
            try source.check(name, type, shape: shape)
            return nil
        case .load:
            return try source.tensor(name, type, shape: shape)
        }
    }

    func finished(_ tensor: WeightTensor) {
        tensor.discard(tensor.byteCount)
        done += tensor.byteCount
        progress?(done, source.byteCount)
    }
}
