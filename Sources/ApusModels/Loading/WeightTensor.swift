import ApusCheckpoint
import ApusCore
import ApusTensor

/// A tensor's numbers in memory for as long as they are being packed.
struct WeightTensor {
    let base: UnsafeRawPointer
    /// nil: integers.
    let element: ElementType?
    let shape: [Int]
    let byteCount: Int
    /// Keeps `base` valid.
    let owner: AnyObject
    /// Lets go of the memory that the first numbers take once they have been copied; counted in bytes.
    let discard: (_ byteCount: Int) -> Void

    /// Bytes from one row to the next.
    var rowByteCount: Int { byteCount / shape[0] }
}

/// What the numbers of a tensor are to be.
enum WeightType {
    /// Any format that weights are read from.
    case numbers
    case int8
    case int32

    /// As safetensors name it.
    var integerName: String? {
        switch self {
        case .numbers: nil
        case .int8: "I8"
        case .int32: "I32"
        }
    }
}

/// Where tensors come from, by their names in a checkpoint.
protocol WeightSource {
    /// A tensor of that name is stored; false where tensors are made as they are asked for.
    func contains(_ name: String) -> Bool
    /// Reads nothing.
    ///
    /// - Throws: `CheckpointError` when the tensor is missing, has another shape or is not of that type.
    func check(_ name: String, _ type: WeightType, shape: [Int]) throws
    /// - Throws: what `check` throws.
    func tensor(_ name: String, _ type: WeightType, shape: [Int]) throws -> WeightTensor
    /// Bytes of all tensors, 0 when not known before.
    var byteCount: Int { get }
}

/// The tensors of a checkpoint.
struct CheckpointWeights: WeightSource {
    let checkpoint: Checkpoint
    /// Others may write to the files meanwhile: each tensor is copied out of its file, to there, before it is looked at.
    /// nil: it is read where it is mapped.
    private let copies: CopyBuffers?
    private let pace: () -> Void

    /// - Parameter pace: See `WeightLoader.pace`.
    init(checkpoint: Checkpoint, copies: CopyBuffers? = nil, pace: (() -> Void)? = nil) {
        self.checkpoint = checkpoint
        self.copies = copies
        self.pace = pace ?? {}
    }

    func contains(_ name: String) -> Bool { checkpoint.contains(name) }

    func check(_ name: String, _ type: WeightType, shape: [Int]) throws { _ = try find(name, type, shape) }

    func tensor(_ name: String, _ type: WeightType, shape: [Int]) throws -> WeightTensor {
        let (file, range, element) = try find(name, type, shape)
        if let copies {
            let copy = try copies.take(byteCount: range.count)
            do throws(CheckpointError) {
                try file.read(range, into: copy.numbers.base, pace: pace)
            } catch {
                copy.numbers.noteGaps()
                throw error
            }
            return WeightTensor(
                base: UnsafeRawPointer(copy.numbers.base), element: element, shape: shape, byteCount: range.count,
                owner: copy, discard: { _ in })
        }
        // An empty tensor has no address; no model has one, since every dimension of a configuration is positive.
        return WeightTensor(
            base: file.bytes.baseAddress! + range.lowerBound, element: element, shape: shape, byteCount: range.count,
            owner: file, discard: { file.discard(range.lowerBound..<range.lowerBound + min($0, range.count)) })
    }

    private func find(
        _ name: String, _ type: WeightType, _ shape: [Int]
    ) throws -> (file: MappedFile, range: Range<Int>, element: ElementType?) {
        if let integer = type.integerName {
            let (file, range) = try checkpoint.integers(name, type: integer, shape: shape)
            return (file, range, nil)
        }
        let source = try checkpoint.tensor(name, shape: shape)
        return (source.file, source.range, source.elementType)
    }

    var byteCount: Int { checkpoint.files.reduce(0) { $0 + $1.bytes.count } }
}

/// Memory for copies of tensors, used again and again: fresh memory costs the system more than what is copied into it, and
/// that at the expense of whoever computes meanwhile.
final class CopyBuffers {
    /// One tensor's copy, which goes back when nobody refers to it.
    final class Copy {
        let numbers: AlignedBuffer
        private let home: CopyBuffers

        init(_ numbers: AlignedBuffer, home: CopyBuffers) {
            self.numbers = numbers
            self.home = home
        }

        deinit { home.free.append(numbers) }
    }

    private let runtime: TensorRuntime
    private var free: [AlignedBuffer] = []

    init(_ runtime: TensorRuntime) {
        self.runtime = runtime
    }

    /// The smallest that will do; else a new one in the place of the smallest, so that there are never more than are used
    /// at once.
    func take(byteCount: Int) throws(TensorError) -> Copy {
        free.sort { $0.byteCount < $1.byteCount }
        if let index = free.firstIndex(where: { $0.byteCount >= byteCount }) {
            return Copy(free.remove(at: index), home: self)
        }
        if !free.isEmpty { free.removeFirst() }
        return Copy(try AlignedBuffer(byteCount: byteCount, from: runtime.spare), home: self)
    }
}

/// Random numbers in the shapes of a configuration (`--load-format dummy`), the same in each run.
struct RandomWeights: WeightSource {
    let runtime: TensorRuntime
    /// See `WeightLoader.pace`.
    var pace: (() -> Void)?

    func contains(_ name: String) -> Bool { false }

    func check(_ name: String, _ type: WeightType, shape: [Int]) {}

    func tensor(_ name: String, _ type: WeightType, shape: [Int]) throws -> WeightTensor {
        let count = shape.reduce(1, *)
        let numbers = try AlignedBuffer(byteCount: count * MemoryLayout<Float>.stride)
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a of the name
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let norm = name.hasSuffix("norm.weight")
        let chunk = 65_536
        let parts = (count + chunk - 1) / chunk
        let slice = pace == nil ? parts : 4 * runtime.pool.threadCount
        for start in stride(from: 0, to: parts, by: slice) {
            pace?()
            runtime.pool.run(count: min(slice, parts - start)) { index, _ in
                let part = start + index
                var random = SplitMix64(seed: seed &+ UInt64(part))
                for index in part * chunk..<min(count, (part + 1) * chunk) {
                    let unit = Float(random.next() >> 40) * 0x1p-23 - 1
                    // Uniform with a standard deviation of 0.02, the usual width of untrained weights.
                    numbers.floats[index] = norm ? 1 + 0.1 * unit : 0.0346 * unit
                }
            }
        }
        return WeightTensor(
            base: UnsafeRawPointer(numbers.base), element: .float32, shape: shape,
            byteCount: count * MemoryLayout<Float>.stride, owner: numbers, discard: { _ in })
    }

    var byteCount: Int { 0 }
}
