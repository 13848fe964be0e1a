/// One bit a token, lowest first.
package struct TokenMask: Sendable, Equatable {
    package private(set) var words: [UInt64]
    package let tokenCount: Int

    package init(tokenCount: Int) {
        self.tokenCount = tokenCount
        words = Array(repeating: 0, count: (tokenCount + 63) / 64)
    }

    package subscript(_ token: Int32) -> Bool {
        token >= 0 && Int(token) < tokenCount && words[Int(token) >> 6] >> UInt64(token & 63) & 1 == 1
    }

    package mutating func insert(_ token: Int32) { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }

    @inline(__always)
    mutating func insert(_ tokens: ArraySlice<Int32>) {
        if tokens.isEmpty { return }
        var words = words.mutableSpan
        for token in tokens { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }
    }

    package mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The token that is in it, if there is exactly one.
    package var only: Int32? {
        var found: Int32?
        for (index, word) in words.enumerated() where word != 0 {
            guard found == nil, word.nonzeroBitCount == 1 else { return nil }
            found = Int32(index << 6 + word.trailingZeroBitCount)
        }
        return found
    }

    mutating func formUnion(_ other: [UInt64]) {
        words.withUnsafeMutableBufferPointer { words in
            other.withUnsafeBufferPointer { other in
                for index in words.indices { words[index] |= other[index] }
            }
        }
    }
}

/// Tokens that are put into masks again and again: as bits, or as a list when they are few.
enum TokenSet: Sendable {
    case list([Int32])
    case bits([UInt64])

    init(_ tokens: [Int32], tokenCount: Int) {
        let wordCount = (tokenCount + 63) / 64
        guard tokens.count > wordCount / 2 else {
            self = .list(tokens)
            return
        }
        var mask = TokenMask(tokenCount: tokenCount)
        mask.insert(tokens[...])
        self = .bits(mask.words)
    }

    func add(to mask: inout TokenMask) {
        switch self {
        case .list(let tokens): mask.insert(tokens[...])
        case .bits(let words): mask.formUnion(words)
        }
    }

    var byteCount: Int {
        switch self {
        case .list(let tokens): tokens.count * 4
        case .bits(let words): words.count * 8
        }
    }
}

/// Tokens by how many rounds of a loop they begin beyond the one in which they start.
struct CountedTokens: Sendable {
    typealias Found = (token: Int32, rounds: Int32)

    private let all: TokenSet
    private let tokens: [Int32]
    /// [rounds] where their tokens begin in `tokens`, and one more.
    private let starts: [Int]

    init(_ found: [Found], tokenCount: Int) {
        let most = found.reduce(-1) { max($0, Int($1.rounds)) }
        var counts = [Int](repeating: 0, count: most + 2)
        for (_, rounds) in found { counts[Int(rounds) + 1] += 1 }
        for index in counts.indices.dropFirst() { counts[index] += counts[index - 1] }
        starts = counts
        var sorted = [Int32](repeating: 0, count: found.count)
        for (token, rounds) in found {
            sorted[counts[Int(rounds)]] = token
            counts[Int(rounds)] += 1
        }
        tokens = sorted
        all = TokenSet(sorted, tokenCount: tokenCount)
    }

    /// Those of `fewest ... most` rounds.
    func add(fewest: Int, most: Int, to mask: inout TokenMask) {
        let low = max(fewest, 0)
        let high = min(most, starts.count - 2)
        guard low <= high else { return }
        if low == 0 && high == starts.count - 2 { return all.add(to: &mask) }
        mask.insert(tokens[starts[low]..<starts[high + 1]])
    }

    var byteCount: Int { all.byteCount + tokens.count * 4 }
}
