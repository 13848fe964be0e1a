import ApusCheckpoint
import ApusCore
import ApusTensor

/// A tensor's numbers in memory for as long as they are being packed.
struct WeightTensor {
    let base: UnsafeRawPointer
    let element: ElementType
    let shape: [Int]
    /// Keeps `base` valid.
    let owner: AnyObject
    /// Lets go of the memory that the first numbers take once they have been copied; counted in bytes.
    let discard: (_ byteCount: Int) -> Void

    var byteCount: Int { shape.reduce(element.byteCount, *) }
    /// Bytes from one row to the next.
    var rowByteCount: Int { byteCount / shape[0] }
}

/// Where tensors come from, by their names in a checkpoint.
protocol WeightSource {
    /// Reads nothing.
    ///
    /// - Throws: `CheckpointError` when the tensor is missing, has another shape or a format that is not read.
    func check(_ name: String, shape: [Int]) throws
    /// - Throws: `CheckpointError` when the tensor is missing or has another shape.
    func tensor(_ name: String, shape: [Int]) throws -> WeightTensor
    /// Bytes of all tensors, 0 when not known before.
    var byteCount: Int { get }
}

/// The tensors of a checkpoint, read where they are mapped.
struct CheckpointWeights: WeightSource {
    let checkpoint: Checkpoint

    func check(_ name: String, shape: [Int]) throws { _ = try checkpoint.tensor(name, shape: shape) }

    func tensor(_ name: String, shape: [Int]) throws -> WeightTensor {
        let source = try checkpoint.tensor(name, shape: shape)
        // An empty tensor has no address; no model has one, since every dimension of a configuration is positive.
        return WeightTensor(
            base: source.bytes.baseAddress!, element: source.elementType, shape: shape, owner: source.file,
            discard: source.discard(first:))
    }

    var byteCount: Int { checkpoint.files.reduce(0) { $0 + $1.bytes.count } }
}

/// The tensors of a checkpoint that others may write to meanwhile: each is copied out of its file before it is looked at.
struct CopiedWeights: WeightSource {
    let checkpoint: Checkpoint

    func check(_ name: String, shape: [Int]) throws { _ = try checkpoint.tensor(name, shape: shape) }

    func tensor(_ name: String, shape: [Int]) throws -> WeightTensor {
        let source = try checkpoint.tensor(name, shape: shape)
        let numbers = try AlignedBuffer(byteCount: source.range.count)
        try source.read(into: numbers.base)
        return WeightTensor(
            base: UnsafeRawPointer(numbers.base), element: source.elementType, shape: shape, owner: numbers,
            discard: { _ in })
    }

    var byteCount: Int { CheckpointWeights(checkpoint: checkpoint).byteCount }
}

/// Random numbers in the shapes of a configuration (`--load-format dummy`), the same in each run.
struct RandomWeights: WeightSource {
    let runtime: TensorRuntime

    func check(_ name: String, shape: [Int]) {}

    func tensor(_ name: String, shape: [Int]) throws -> WeightTensor {
        let count = shape.reduce(1, *)
        let numbers = try AlignedBuffer(byteCount: count * MemoryLayout<Float>.stride)
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a of the name
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let norm = name.hasSuffix("norm.weight")
        let chunk = 65_536
        runtime.pool.run(count: (count + chunk - 1) / chunk) { part, _ in
            var random = SplitMix64(seed: seed &+ UInt64(part))
            for index in part * chunk..<min(count, (part + 1) * chunk) {
                let unit = Float(random.next() >> 40) * 0x1p-23 - 1
                // Uniform with a standard deviation of 0.02, the usual width of untrained weights.
                numbers.floats[index] = norm ? 1 + 0.1 * unit : 0.0346 * unit
            }
        }
        return WeightTensor(
            base: UnsafeRawPointer(numbers.base), element: .float32, shape: shape, owner: numbers, discard: { _ in })
    }

    var byteCount: Int { 0 }
}
