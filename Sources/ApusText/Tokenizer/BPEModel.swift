import ApusJSON

/// Byte-pair encoding: begins with single characters and joins, again and again, the pair that was learnt first
/// (Sennrich, Haddow, Birch 2016), with the options of Hugging Face's BPE.
final class BPEModel: TokenizerModel {
    let vocabulary: Vocabulary
    private let merges: MergeTable
    private let unknownID: Int32?
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool
    private let byteTokens: [Int32?]?
    private let continuingPrefix: [UInt8]
    private let wordSuffix: [UInt8]
    private let cache = SharedWordCache()

    init(_ json: JSONValue) throws(TextError) {
        let options = StageOptions(json, type: "BPE")
        vocabulary = try Models.vocabulary(options["vocab"])
        fusesUnknown = try options.flag("fuse_unk", default: false)
        ignoresMerges = try options.flag("ignore_merges", default: false)
        byteTokens = try options.flag("byte_fallback", default: false) ? Models.byteTokens(vocabulary) : nil
        continuingPrefix = Array((options["continuing_subword_prefix"]?.stringValue ?? "").utf8)
        wordSuffix = Array((options["end_of_word_suffix"]?.stringValue ?? "").utf8)
        if let dropout = options["dropout"]?.doubleValue, dropout != 0 {
            throw .unsupported("BPE with dropout \(dropout)")
        }
        if let unknown = options["unk_token"]?.stringValue {
            guard let id = vocabulary.id(of: Array(unknown.utf8)) else {
                throw .malformed("unk_token \(unknown) is not in the vocabulary")
            }
            unknownID = id
        } else {
            unknownID = nil
        }
        merges = try Self.readMerges(options, vocabulary, prefixLength: continuingPrefix.count)
    }

    /// Merges come as `"a b"` or, in newer files, as `["a", "b"]`.
    private static func readMerges(
        _ options: StageOptions, _ vocabulary: Vocabulary, prefixLength: Int
    ) throws(TextError) -> MergeTable {
        let list = try options.list("merges")
        var table = MergeTable(capacity: list.count)
        for (rank, merge) in list.enumerated() {
            let pair: (left: [UInt8], right: [UInt8])
            if let text = merge.stringValue {
                let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw .malformed("merge \(merge)") }
                pair = (Array(parts[0]), Array(parts[1]))
            } else if let left = merge[0]?.stringValue, let right = merge[1]?.stringValue {
                pair = (Array(left.utf8), Array(right.utf8))
            } else {
                throw .malformed("merge \(merge)")
            }
            let joined = pair.left + pair.right.dropFirst(prefixLength)
            guard let left = vocabulary.id(of: pair.left), let right = vocabulary.id(of: pair.right),
                let id = vocabulary.id(of: joined)
            else { throw .malformed("merge \(merge) of tokens that are not in the vocabulary") }
            table.insert(left, right, rank: UInt32(rank), id: id)
        }
        return table
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], _ workspace: inout ModelWorkspace) {
        if ignoresMerges, let id = vocabulary.id(of: piece) {
            ids.append(id)
            return
        }
        let isCached = piece.count <= WordCache.maximumWordLength
        if isCached, cache.withWords({ $0.append(piece, to: &ids) }) == true { return }
        let start = ids.count
        merge(piece, &workspace)
        for symbol in workspace.symbols where symbol.isAlive { ids.append(symbol.id) }
        if isCached { cache.withWords { $0.store(piece, ids[start...]) } }
    }

    private func merge(_ piece: UnsafeBufferPointer<UInt8>, _ workspace: inout ModelWorkspace) {
        workspace.symbols.removeAll(keepingCapacity: true)
        var unknownIsPending = false
        var offset = 0
        while offset < piece.count {
            let next = piece.scalar(at: offset).next
            if let id = characterID(piece, offset..<next) {
                if unknownIsPending { workspace.symbols.append(MergeSymbol(id: unknownID!)) }
                unknownIsPending = false
                workspace.symbols.append(MergeSymbol(id: id))
            } else if let fallback = fallback(piece[offset..<next]) {
                // A pending unknown stays pending here, as in the reference.
                for id in fallback { workspace.symbols.append(MergeSymbol(id: id)) }
            } else if let unknownID {
                if unknownIsPending, !fusesUnknown { workspace.symbols.append(MergeSymbol(id: unknownID)) }
                unknownIsPending = true
            }
            offset = next
        }
        if unknownIsPending { workspace.symbols.append(MergeSymbol(id: unknownID!)) }
        merges.mergeAll(&workspace.symbols, &workspace.queue)
    }

    private func characterID(_ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int32? {
        let hasPrefix = range.lowerBound > 0 && !continuingPrefix.isEmpty
        let hasSuffix = range.upperBound == piece.count && !wordSuffix.isEmpty
        if hasPrefix || hasSuffix {
            let text = (hasPrefix ? continuingPrefix : []) + piece[range] + (hasSuffix ? wordSuffix : [])
            return vocabulary.id(of: text)
        }
        return vocabulary.id(of: UnsafeBufferPointer(rebasing: piece[range]))
    }

    private func fallback(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> [Int32]? {
        guard let byteTokens else { return nil }
        let ids = bytes.compactMap { byteTokens[Int($0)] }
        return ids.count == bytes.count ? ids : nil
    }
}
