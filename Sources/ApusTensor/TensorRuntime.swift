import ApusCore
import CKernels

/// Threads and kernels: what every operation runs on.
///
/// The operations are in `Ops+….swift`. None of them allocates once scratch memory has grown to the largest shape.
///
/// `@unchecked Sendable`: one thread uses it at a time (the pool checks this); it may move between threads.
package final class TensorRuntime: @unchecked Sendable {
    package let pool: ThreadPool
    /// Where the memory of weights comes from and goes to; nil: from and to the system.
    package let spare: SpareMemory?
    private let placesMemory: Bool

    let kernels: UnsafePointer<apus_kernels>

    /// Packed activations of the product at hand.
    let activations = AlignedBuffer()
    /// What is between the products of a gated layer, packed for the second.
    let gatedActivations = AlignedBuffer()
    /// The scales of its rows (int8).
    let rowScales = AlignedBuffer()
    /// Scratch memory of each thread.
    let scratch: [AlignedBuffer]
    /// Who wants to know where the time goes.
    package var profile: OperationProfile?
    /// The attention tasks at hand, and the outcomes of spans that wait to be joined.
    var attentionPlan = AttentionPlan()
    let attentionPartials = AlignedBuffer()
    /// The parts of the experts' product at hand, kept for their capacity.
    var expertBlocks: [ExpertBlock] = []
    var expertTasks: [ExpertTask] = []

    /// - Parameters:
    ///   - threads: threads of each operation, the caller included.
    ///   - kernels: a name of `availableKernels`; nil for the environment's choice (APUS_KERNELS), else the best.
    ///   - cores: core numbers to pin workers to; empty for none.
    ///   - placesMemory: there are several memory nodes: weights are placed by the threads that will read them.
    ///   - spare: other weights will take the place of those that are loaded: freed memory is kept there.
    /// - Throws: `TensorError.unknownKernels`, `TensorError.threadCreation`.
    package init(
        threads: Int, kernels name: String? = nil, cores: [Int] = [], placesMemory: Bool = false,
        spare: SpareMemory? = nil
    ) throws(TensorError) {
        self.placesMemory = placesMemory
        self.spare = spare
        if let name = name ?? apus_kernels_refused().map({ String(cString: $0) }) {
            guard let kernels = apus_kernels_named(name) else {
                throw .unknownKernels(name: name, available: Self.availableKernels)
            }
            self.kernels = kernels
        } else {
            kernels = apus_kernels_best()
        }
        pool = try ThreadPool(threads: threads, cores: cores)
        scratch = (0..<threads).map { _ in AlignedBuffer() }
    }

    /// The same kernels on one thread, which is the caller's: for a job that gives each thread rows of its own.
    private init(singleOf runtime: TensorRuntime) throws(TensorError) {
        placesMemory = false
        spare = nil
        kernels = runtime.kernels
        pool = try ThreadPool(threads: 1)
        scratch = [AlignedBuffer()]
    }

    /// A runtime for each thread of this one's pool.
    package func singles() throws(TensorError) -> [TensorRuntime] {
        var singles: [TensorRuntime] = []
        for _ in 0..<pool.threadCount { singles.append(try TensorRuntime(singleOf: self)) }
        return singles
    }

    /// The name of the kernels in use: "scalar", "avx2", "avx512", "avx512bf16", "amx", "neon", "amx-soft".
    package var kernelName: String {
        String(cString: kernels.pointee.name)
    }

    /// What multiplies weights of that format, in words for logs: "avx512 bfloat16 dot products".
    package func arithmetic(of format: PackedWeight.Format) -> String {
        String(cString: family(of: format).arithmetic)
    }

    /// Names of the kernels that this machine can run, the best last ("amx-soft" only emulates).
    package static var availableKernels: [String] {
        var names: [String] = []
        guard var next = apus_kernels_names() else { return names }
        while let name = next.pointee {
            if apus_kernels_named(name) != nil { names.append(String(cString: name)) }
            next += 1
        }
        return names
    }

    /// Lets each thread touch first what it will read: the system then takes that memory from the thread's node.
    ///
    /// Threads have the same share of every job (`ThreadPool`), so the parts of a product follow these borders.
    func place(_ buffer: AlignedBuffer) {
        guard placesMemory else { return }
        pool.run(count: pool.threadCount, with: (buffer, pool.threadCount)) { state, index, _ in
            let (buffer, count) = state
            for page in stride(
                from: buffer.byteCount * index / count, to: buffer.byteCount * (index + 1) / count, by: 4096)
            {
                buffer.base.storeBytes(of: 0, toByteOffset: page, as: UInt8.self)
            }
        }
    }

    func family(of format: PackedWeight.Format) -> apus_family {
        switch format {
        case .float32: kernels.pointee.float32
        case .bfloat16: kernels.pointee.bfloat16
        case .int8: kernels.pointee.int8
        case .int4(let groupSize): groupSize == 32 ? kernels.pointee.int4_32 : kernels.pointee.int4_128
        }
    }

    /// Cuts `count` items into parts of at least `grain` and hands each part to a thread. The body captures nothing.
    func split<State>(
        _ count: Int, grain: Int, with state: State, _ body: @escaping (_ state: State, _ range: Range<Int>) -> Void
    ) {
        let parts = max(1, min(pool.threadCount * 4, count / max(grain, 1)))
        pool.run(count: parts, with: Split(count: count, parts: parts, state: state, body: body)) { split, part, _ in
            split.body(split.state, split.count * part / split.parts..<split.count * (part + 1) / split.parts)
        }
    }

    private struct Split<State> {
        let count: Int
        let parts: Int
        let state: State
        let body: (State, Range<Int>) -> Void
    }
}

extension ElementType {
    var kernelElement: apus_element {
        switch self {
        case .float32: APUS_FLOAT32
        case .float16: APUS_FLOAT16
        case .bfloat16: APUS_BFLOAT16
        }
    }
}
