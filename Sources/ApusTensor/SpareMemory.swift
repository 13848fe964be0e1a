import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Memory of buffers that were freed, kept for buffers of the same size.
///
/// Weights take the place of others of the same shape, and fresh memory is dear: the system clears it, and the host of a
/// virtual machine has to find it, while the core stands still, for milliseconds a huge page. Nor is freeing free there:
/// what came back at once is handed to the host in one piece some seconds later, while all cores stand still. So freed
/// memory stays here for those that come, and who keeps it gives it back to the system little by little.
package final class SpareMemory: Sendable {
    fileprivate struct Block: @unchecked Sendable {  // nobody else knows the address
        let base: UnsafeMutableRawPointer
        /// Its first bytes, which take memory.
        var keptByteCount: Int
    }

    fileprivate struct State {
        /// By their size; the first ones of a size are given back first, and taken last.
        var blocks: [Int: [Block]] = [:]
        var byteCount = 0
    }

    private let state = Mutex(State())

    package init() {}

    deinit { giveBackAll() }

    /// Bytes that are kept.
    package var byteCount: Int { state.withLock(\.byteCount) }

    /// A block of exactly that size with anything in it; nil: there is none.
    func take(byteCount: Int) -> UnsafeMutableRawPointer? {
        state.withLock { state in
            guard let block = state.blocks[byteCount]?.popLast() else { return nil }
            if state.blocks[byteCount]?.isEmpty == true { state.blocks[byteCount] = nil }
            state.byteCount -= block.keptByteCount
            return block.base
        }
    }

    /// A buffer's memory, which is nobody else's from now on.
    ///
    /// - Parameter kept: Its first bytes, which take memory.
    func put(_ base: UnsafeMutableRawPointer, byteCount: Int, kept: Int) {
        state.withLock { state in
            state.blocks[byteCount, default: []].append(Block(base: base, keptByteCount: kept))
            state.byteCount += kept
        }
    }

    /// Gives about so many bytes back to the system: the largest blocks page by page, small ones whole.
    package func giveBack(_ byteCount: Int) {
        state.withLock { state in
            var left = byteCount
            for size in state.blocks.keys.sorted(by: >) where left > 0 {
                state.giveBack(&left, from: size)
            }
        }
    }

    package func giveBackAll() { giveBack(.max) }
}

extension SpareMemory.State {
    fileprivate mutating func giveBack(_ left: inout Int, from size: Int) {
        guard var kept = blocks.removeValue(forKey: size) else { return }
        var gone = 0
        while left > 0, gone < kept.count {
            let block = kept[gone]
            // A part of a huge page would not come free.
            let page = AlignedBuffer.hugePage
            let rest = AlignedBuffer.isMapped(size) ? max(0, block.keptByteCount - left) / page * page : 0
            left -= block.keptByteCount - rest
            byteCount -= block.keptByteCount - rest
            if rest > 0 {
                madvise(block.base + rest, block.keptByteCount - rest, MADV_DONTNEED)
                kept[gone].keptByteCount = rest
            } else {
                AlignedBuffer.release(block.base, size)
                gone += 1
            }
        }
        kept.removeFirst(gone)
        if !kept.isEmpty { blocks[size] = kept }
    }
}
