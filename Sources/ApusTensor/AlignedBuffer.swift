#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Zeroed memory aligned for the kernels: 64 bytes, or huge pages when there is enough of it to fill one.
///
/// `@unchecked Sendable`: it owns bytes and nothing else; who may touch which of them when is the business of the
/// type that owns the buffer (weights never change once built, scratch memory belongs to one forward pass).
package final class AlignedBuffer: @unchecked Sendable {
    package private(set) var base: UnsafeMutableRawPointer
    package private(set) var byteCount: Int

    /// Where the memory goes in the end; nil: to the system.
    private let home: SpareMemory?
    /// Not all of it was written to.
    private var hasGaps = false

    /// Bytes of a huge page; buffers of at least one are mapped on their own.
    static let hugePage = 2 << 20
    /// Blocks that are worth keeping: an expert's matrices are, and there are thousands of them.
    private static let leastKept = 64 << 10

    /// - Parameter spare: Memory comes from there if there is such, and then holds anything, and goes back to there in the
    ///   end, unless the buffer is small.
    /// - Throws: `TensorError.outOfMemory`.
    package init(byteCount: Int, from spare: SpareMemory? = nil) throws(TensorError) {
        home = byteCount < Self.leastKept ? nil : spare
        let kept = home?.take(byteCount: Self.blockSize(byteCount))
        guard let base = kept ?? Self.allocate(byteCount) else { throw .outOfMemory(byteCount: byteCount) }
        self.base = base
        self.byteCount = byteCount
    }

    /// No memory yet: for buffers that grow to what they are asked for.
    package init() {
        guard let base = Self.allocate(0) else { fatalError("out of memory") }
        self.base = base
        byteCount = 0
        home = nil
    }

    deinit {
        if let home {
            home.put(
                base, byteCount: Self.blockSize(byteCount),
                kept: hasGaps ? residentByteCount : Self.blockSize(byteCount))
        } else {
            Self.release(base, byteCount)
        }
    }

    /// What was to be written here came to a stop: in the end only what takes memory counts as spare.
    package func noteGaps() { hasGaps = true }

    /// Grows to at least `byteCount` bytes; what was in the buffer is lost when it grows. Like an array, it traps when
    /// the memory is refused.
    package func reserve(byteCount wanted: Int) {
        guard wanted > byteCount else { return }
        precondition(home == nil, "buffers of spare memory do not grow")
        let size = max(wanted, byteCount + byteCount / 2)
        Self.release(base, byteCount)
        guard let base = Self.allocate(size) else { fatalError("out of memory: \(size) bytes were refused") }
        self.base = base
        byteCount = size
    }

    /// Gives the memory back to the system; the buffer stays, and holds zeros.
    package func discard() {
        guard Self.isMapped(byteCount) else {
            memset(base, 0, byteCount)
            return
        }
        madvise(base, Self.blockSize(byteCount), MADV_DONTNEED)
    }

    /// Bytes of the buffer that take memory now: what was never written to does not.
    package var residentByteCount: Int {
        guard Self.isMapped(byteCount) else { return byteCount }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = Self.blockSize(byteCount)
        var flags = [UInt8](repeating: 0, count: 1 << 16)
        var resident = 0
        for start in stride(from: 0, to: size, by: flags.count * page) {
            let length = min(flags.count * page, size - start)
            guard mincore(base + start, length, &flags) == 0 else { return byteCount }
            resident += flags[..<(length / page)].reduce(0) { $0 + Int($1 & 1) } * page
        }
        return min(resident, byteCount)
    }

    /// The buffer as numbers.
    package var floats: UnsafeMutablePointer<Float> {
        base.assumingMemoryBound(to: Float.self)
    }

    /// Rows of activations in this buffer, which grows as needed (its contents are lost then).
    package func matrix(rows: Int, columns: Int) -> Matrix {
        let stride = Matrix.paddedStride(columns)
        reserve(byteCount: rows * stride * MemoryLayout<Float>.stride)
        return Matrix(base: floats, rows: rows, columns: columns, stride: stride)
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let size = blockSize(byteCount)
        if !isMapped(byteCount) {
            var memory: UnsafeMutableRawPointer?
            guard posix_memalign(&memory, 64, size) == 0, let memory else { return nil }
            memset(memory, 0, size)
            return memory
        }
        // Map one huge page more than needed, then give back what lies outside the aligned part.
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard let mapped = mmap(nil, size + hugePage, PROT_READ | PROT_WRITE, flags, -1, 0), mapped != MAP_FAILED else {
            return nil
        }
        let head = (hugePage - Int(bitPattern: mapped) % hugePage) % hugePage
        let aligned = mapped + head
        if head > 0 { munmap(mapped, head) }
        munmap(aligned + size, hugePage - head)
        #if os(Linux)
            madvise(aligned, size, MADV_HUGEPAGE)
        #endif
        return aligned
    }

    static func release(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        if isMapped(byteCount) {
            munmap(base, blockSize(byteCount))
        } else {
            free(base)
        }
    }

    /// A block of memory that no other buffer has a part of, whose pages can go one by one.
    static func isMapped(_ byteCount: Int) -> Bool { byteCount > hugePage - 64 }

    /// Bytes that a buffer takes. A block of that size is mapped if the buffer's is.
    private static func blockSize(_ byteCount: Int) -> Int {
        let unit = isMapped(byteCount) ? 4096 * 16 : 64
        return max(unit, (byteCount + unit - 1) / unit * unit)
    }
}
