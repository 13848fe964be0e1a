/// Tokens in the order of their scores, best first, the lower id first among equals.
///
/// Finding the best few of a vocabulary takes one pass and no sort of the rest. The memory is kept for the next row.
struct RankedTokens {
    /// Sort key: complement of the score's order, then the id; ascending keys are descending scores.
    private var keys: [UInt64] = []
    private var spare: [UInt64] = []

    var count: Int { keys.count }

    func token(rank: Int) -> Int { Int(UInt32(truncatingIfNeeded: keys[rank])) }

    /// Keeps the `count` best of `scores`. NaN is not allowed.
    mutating func selectBest(_ count: Int, of scores: UnsafeMutableBufferPointer<Float>) {
        let count = min(count, scores.count)
        keys.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        guard count <= Self.heapLimit else {
            selectAll(of: scores, notBelow: -.infinity)
            keys.removeLast(keys.count - count)
            return
        }
        // A heap with the worst of the best on top.
        for index in 0..<count { keys.append(Self.key(scores[index], index)) }
        for index in stride(from: count / 2 - 1, through: 0, by: -1) { siftDown(index) }
        var threshold = scores[token(rank: 0)]
        for index in count..<scores.count where scores[index] > threshold {
            keys[0] = Self.key(scores[index], index)
            siftDown(0)
            threshold = scores[token(rank: 0)]
        }
        keys.sort()
    }

    /// Keeps all tokens with a score of `floor` or more.
    mutating func selectAll(of scores: UnsafeMutableBufferPointer<Float>, notBelow floor: Float) {
        keys.removeAll(keepingCapacity: true)
        for index in scores.indices where scores[index] >= floor { keys.append(Self.key(scores[index], index)) }
        sort()
    }

    private static let heapLimit = 256

    /// Small counts by comparison, large ones by three stable counting passes over the score's bits: ids come in
    /// ascending order already.
    private mutating func sort() {
        guard keys.count > 4096 else {
            keys.sort()
            return
        }
        spare.removeAll(keepingCapacity: true)
        spare.append(contentsOf: keys)
        for shift in [32, 43, 54] as [UInt64] {
            let bits: UInt64 = shift == 54 ? 10 : 11
            let mask = (1 << bits) - 1 as UInt64
            var starts = [Int](repeating: 0, count: Int(mask) + 2)
            for key in keys { starts[Int(key >> shift & mask) + 1] += 1 }
            for digit in 1..<starts.count { starts[digit] += starts[digit - 1] }
            for key in keys {
                let digit = Int(key >> shift & mask)
                spare[starts[digit]] = key
                starts[digit] += 1
            }
            swap(&keys, &spare)
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        let moved = keys[parent]
        while true {
            var child = parent * 2 + 1
            guard child < keys.count else { break }
            if child + 1 < keys.count && keys[child + 1] > keys[child] { child += 1 }
            guard keys[child] > moved else { break }
            keys[parent] = keys[child]
            parent = child
        }
        keys[parent] = moved
    }

    private static func key(_ score: Float, _ index: Int) -> UInt64 {
        // Adding zero makes -0 equal to 0. Positive floats order as their bits, negative ones in reverse.
        let bits = (score + 0).bitPattern
        let ascending = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
        return UInt64(~ascending) << 32 | UInt64(UInt32(index))
    }
}
