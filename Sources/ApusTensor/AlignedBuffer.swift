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

    /// Bytes of a huge page; buffers of at least one are mapped on their own.
    static let hugePage = 2 << 20

    /// - Parameter spare: Memory of a large buffer comes from there if there is such, and then holds anything, and goes
    ///   back to there in the end.
    /// - Throws: `TensorError.outOfMemory`.
    package init(byteCount: Int, from spare: SpareMemory? = nil) throws(TensorError) {
        home = byteCount < Self.hugePage ? nil : spare
        let kept = home?.take(byteCount: Self.mappedSize(byteCount))
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
            home.put(base, byteCount: Self.mappedSize(byteCount))
        } else {
            Self.release(base, byteCount)
        }
    }

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
        guard byteCount >= Self.hugePage else {
            memset(base, 0, byteCount)
            return
        }
        madvise(base, Self.mappedSize(byteCount), MADV_DONTNEED)
    }

    /// Bytes of the buffer that take memory now: what was never written to does not.
    package var residentByteCount: Int {
        guard byteCount >= Self.hugePage else { return byteCount }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = Self.mappedSize(byteCount)
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
        if byteCount < hugePage {
            let size = max(64, (byteCount + 63) / 64 * 64)
            var memory: UnsafeMutableRawPointer?
            guard posix_memalign(&memory, 64, size) == 0, let memory else { return nil }
            memset(memory, 0, size)
            return memory
        }
        // Map one huge page more than needed, then give back what lies outside the aligned part.
        let size = mappedSize(byteCount)
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

    private static func release(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        if byteCount < hugePage {
            free(base)
        } else {
            munmap(base, mappedSize(byteCount))
        }
    }

    private static func mappedSize(_ byteCount: Int) -> Int {
        let page = 4096 * 16
        return (byteCount + page - 1) / page * page
    }
}
