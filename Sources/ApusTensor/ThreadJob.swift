import Synchronization

/// A job of a `ThreadPool` as its threads see it: a frame on the caller's stack, and the type that knows how to call it.
struct ThreadJob {
    let frame: UnsafeRawPointer
    let type: any CallableFrame.Type
}

protocol CallableFrame {
    static func call(_ frame: UnsafeRawPointer, _ index: Int, _ worker: Int)
}

struct ThreadFrame<State>: CallableFrame {
    let state: State
    let body: (State, Int, Int) -> Void

    /// Never inlined: what it retains is released before the index counts as finished. A caller's closure must have no
    /// other holder when `withoutActuallyEscaping` ends.
    @inline(never)
    static func call(_ frame: UnsafeRawPointer, _ index: Int, _ worker: Int) {
        let frame = frame.assumingMemoryBound(to: Self.self)
        frame.pointee.body(frame.pointee.state, index, worker)
    }
}

/// A closure in a type of its own: bare function types change their calling convention in memory.
struct ThreadBody {
    let call: (Int, Int) -> Void
}

/// What is left of each thread's share of a job, each in cache lines of its own.
///
/// A share is one word, next index and end. Whoever exchanges it successfully owns that index of whatever job is open,
/// however long ago it looked: no word of an earlier job can be mistaken, because each says all there is to know.
struct ThreadShares: ~Copyable {
    private struct Share: ~Copyable {
        /// Next index in the lower half, end in the upper.
        let range = Atomic<UInt64>(0)
    }

    private let base: UnsafeMutableRawPointer
    private let count: Int

    /// Bytes from one share to the next: processors fetch cache lines in pairs.
    private static let stride = 128

    init(count: Int) {
        base = .allocate(byteCount: count * Self.stride, alignment: Self.stride)
        self.count = count
        for index in 0..<count { pointer(index).initialize(to: Share()) }
    }

    deinit {
        for index in 0..<count { pointer(index).deinitialize(count: 1) }
        base.deallocate()
    }

    private func pointer(_ index: Int) -> UnsafeMutablePointer<Share> {
        (base + index * Self.stride).assumingMemoryBound(to: Share.self)
    }

    /// Opens a job of `total` indices.
    func deal(_ total: Int) {
        precondition(total < 1 << 32)
        for index in 0..<count {
            let begin = UInt64(total * index / count), end = UInt64(total * (index + 1) / count)
            pointer(index).pointee.range.store(end << 32 | begin, ordering: .releasing)
        }
    }

    /// An index of that share, if any is left.
    func draw(_ owner: Int) -> Int? {
        let share = pointer(owner)
        var range = share.pointee.range.load(ordering: .acquiring)
        while true {
            let next = range & 0xffff_ffff
            guard next < range >> 32 else { return nil }
            let exchange = share.pointee.range.weakCompareExchange(
                expected: range, desired: range + 1, successOrdering: .acquiringAndReleasing,
                failureOrdering: .acquiring)
            if exchange.exchanged { return Int(next) }
            range = exchange.original
        }
    }
}
