import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Memory of large buffers that were freed, kept for buffers of the same size.
///
/// Weights take the place of others of the same shape, and fresh memory is dear: the system clears it, and the host of a
/// virtual machine has to find it, while the core stands still, for milliseconds a huge page. Nor is freeing free there:
/// what came back at once is handed to the host in one piece some seconds later, while all cores stand still. So freed
/// memory stays here for those that come, and who keeps it gives it back to the system little by little.
package final class SpareMemory: Sendable {
    private struct Block: @unchecked Sendable {  // nobody else knows the address
        let base: UnsafeMutableRawPointer
        let byteCount: Int
        /// Its first bytes, which were not given back.
        var keptByteCount: Int
    }

    private let blocks = Mutex<[Block]>([])

    package init() {}

    deinit { blocks.withLock { for block in $0 { munmap(block.base, block.byteCount) } } }

    /// Bytes that are kept.
    package var byteCount: Int { blocks.withLock { $0.reduce(0) { $0 + $1.keptByteCount } } }

    /// A block of exactly that size with anything in it; nil: there is none.
    func take(byteCount: Int) -> UnsafeMutableRawPointer? {
        blocks.withLock { blocks in
            // The last ones are given back first.
            guard let index = blocks.firstIndex(where: { $0.byteCount == byteCount }) else { return nil }
            return blocks.remove(at: index).base
        }
    }

    /// Mapped memory, which is nobody else's from now on.
    func put(_ base: UnsafeMutableRawPointer, byteCount: Int) {
        let block = Block(base: base, byteCount: byteCount, keptByteCount: byteCount)
        blocks.withLock { $0.append(block) }
    }

    /// Gives about so many bytes back to the system.
    package func giveBack(_ byteCount: Int) {
        blocks.withLock { blocks in
            var left = byteCount
            while left > 0, var block = blocks.popLast() {
                // A part of a huge page would not come free.
                let kept = max(0, block.keptByteCount - left) / AlignedBuffer.hugePage * AlignedBuffer.hugePage
                left -= block.keptByteCount - kept
                guard kept > 0 else {
                    munmap(block.base, block.byteCount)
                    continue
                }
                madvise(block.base + kept, block.keptByteCount - kept, MADV_DONTNEED)
                block.keptByteCount = kept
                blocks.append(block)
            }
        }
    }

    package func giveBackAll() { giveBack(.max) }
}
