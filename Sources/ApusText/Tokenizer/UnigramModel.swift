import ApusJSON

/// Unigram language model: of all ways to write the text with tokens the one whose scores (log-probabilities) sum
/// highest (Kudo 2018), by Viterbi's algorithm, with the unknown-character rules of Hugging Face's Unigram.
struct UnigramModel: TokenizerModel {
    let vocabulary: Vocabulary
    private let trie: ByteTrie
    private let scores: [Double]
    private let unknownID: Int32?
    private let unknownScore: Double
    private let byteTokens: [Int32?]?

    /// How much worse than the worst token an unknown character is.
    private static let unknownPenalty = 10.0

    init(_ json: JSONValue) throws(TextError) {
        guard let list = json["vocab"]?.arrayValue, !list.isEmpty else {
            throw .malformed("a Unigram model without vocab")
        }
        var (vocabulary, trie, scores) = (Vocabulary(capacity: list.count), ByteTrie(), [Double]())
        for (id, entry) in list.enumerated() {
            guard let text = entry[0]?.stringValue, let score = entry[1]?.doubleValue else {
                throw .malformed("Unigram token \(entry)")
            }
            vocabulary.insert(Array(text.utf8), id: Int32(id))
            if !text.isEmpty { trie.insert(text.utf8, value: Int32(id)) }
            scores.append(Self.asReferenceReads(score))
        }
        if let id = json["unk_id"]?.intValue {
            guard list.indices.contains(id) else { throw .malformed("unk_id \(id) of \(list.count) tokens") }
            unknownID = Int32(id)
        } else {
            unknownID = nil
        }
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        byteTokens = json["byte_fallback"]?.boolValue == true ? Models.byteTokens(vocabulary) : nil
        (self.vocabulary, self.trie, self.scores) = (vocabulary, trie, scores)
    }

    /// The score as the reference's JSON reader takes it: the digits as an integer, divided or multiplied by a power of
    /// ten, which may be off the nearest double in the last place. Ties between paths hang on that.
    static func asReferenceReads(_ score: Double) -> Double {
        // Files hold the shortest digits that give the double back, which is how Swift prints it.
        let parts = score.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
        let exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - fraction.count
        guard let digits = UInt64(mantissa[0] + fraction), abs(exponent) <= 308,
            let power = Double("1e\(abs(exponent))")
        else { return score }
        let magnitude = exponent < 0 ? Double(digits) / power : Double(digits) * power
        return score < 0 ? -magnitude : magnitude
    }

    private struct PathEnd {
        var score = 0.0
        var start: Int32 = -1
        var id: Int32 = 0
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], _ workspace: inout ModelWorkspace) {
        let ends = bestPathEnds(piece)
        // Walked from the end; unknown characters in a row are one.
        var parts: [(range: Range<Int>, isUnknown: Bool)] = []
        var end = piece.count
        while end > 0 {
            let isUnknown = ends[end].id == unknownID ?? -1
            let start = Int(ends[end].start)
            if isUnknown, let last = parts.last, last.isUnknown {
                parts[parts.count - 1].range = start..<last.range.upperBound
            } else {
                parts.append((start..<end, isUnknown))
            }
            end = start
        }
        for part in parts.reversed() {
            let bytes = UnsafeBufferPointer(rebasing: piece[part.range])
            if let id = vocabulary.id(of: bytes) {
                ids.append(id)
            } else if let fallback = fallback(bytes) {
                ids += fallback
            } else if let unknownID {
                ids.append(unknownID)
            }
        }
    }

    /// For each byte offset, how the best path that ends there ends.
    private func bestPathEnds(_ piece: UnsafeBufferPointer<UInt8>) -> [PathEnd] {
        var ends = [PathEnd](repeating: PathEnd(), count: piece.count + 1)
        var start = 0
        while start < piece.count {
            let scoreHere = ends[start].score
            let next = piece.scalar(at: start).next
            var coversScalar = false
            var node = ByteTrie.root
            var position = start
            while position < piece.count, let child = trie.child(of: node, piece[position]) {
                node = child
                position += 1
                guard let id = trie.value(of: node) else { continue }
                let score = scores[Int(id)] + scoreHere
                if ends[position].start < 0 || score > ends[position].score {
                    ends[position] = PathEnd(score: score, start: Int32(start), id: id)
                }
                if position == next { coversScalar = true }
            }
            if !coversScalar {
                let score = unknownScore + scoreHere
                if ends[next].start < 0 || score > ends[next].score {
                    ends[next] = PathEnd(score: score, start: Int32(start), id: unknownID ?? -1)
                }
            }
            start = next
        }
        return ends
    }

    private func fallback(_ bytes: UnsafeBufferPointer<UInt8>) -> [Int32]? {
        guard let byteTokens else { return nil }
        let ids = bytes.compactMap { byteTokens[Int($0)] }
        return ids.count == bytes.count ? ids : nil
    }
}
