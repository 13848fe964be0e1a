/// A text on its way to the model: one buffer of UTF-8 and the pieces of it, in order. Splitting makes more pieces,
/// never touches a byte; rewriting a stage's pieces fills a new buffer.
struct PreTokenizedText {
    /// A part of the text, or the place of an added token, whose id is then known.
    struct Piece {
        var range: Range<Int>
        var tokenID: Int32?
        /// Whether the piece begins where the text begins.
        var isFirst: Bool
    }

    private(set) var bytes: [UInt8]
    private(set) var pieces: [Piece]

    init(_ text: [UInt8]) {
        bytes = text
        pieces = text.isEmpty ? [] : [Piece(range: 0..<text.count, tokenID: nil, isFirst: true)]
    }

    /// Splits each piece that is no token. `body` gets the bytes of the piece and calls `emit` with the ranges, inside
    /// the piece, of the parts that stay, in order; empty ones are dropped.
    mutating func split(
        _ body: (UnsafeBufferPointer<UInt8>, _ emit: (Range<Int>, Int32?) -> Void) -> Void
    ) {
        var result: [Piece] = []
        result.reserveCapacity(pieces.count + bytes.count / 4)
        bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces {
                guard piece.tokenID == nil else {
                    result.append(piece)
                    continue
                }
                let start = piece.range.lowerBound
                body(UnsafeBufferPointer(rebasing: bytes[piece.range])) { part, tokenID in
                    guard !part.isEmpty else { return }
                    result.append(
                        Piece(
                            range: start + part.lowerBound..<start + part.upperBound, tokenID: tokenID,
                            isFirst: piece.isFirst && part.lowerBound == 0))
                }
            }
        }
        pieces = result
    }

    /// Replaces the bytes of each piece that is no token by what `body` appends; pieces that become empty are dropped.
    mutating func rewrite(_ body: (UnsafeBufferPointer<UInt8>, Piece, inout [UInt8]) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        var result: [Piece] = []
        result.reserveCapacity(pieces.count)
        bytes.withUnsafeBufferPointer { bytes in
            for var piece in pieces {
                let start = output.count
                if piece.tokenID == nil {
                    body(UnsafeBufferPointer(rebasing: bytes[piece.range]), piece, &output)
                    if output.count == start { continue }
                }
                piece.range = start..<output.count
                result.append(piece)
            }
        }
        bytes = output
        pieces = result
    }
}

/// What becomes of the matches of a splitting pattern (Hugging Face's `SplitDelimiterBehavior`).
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Emits the parts of a text of `count` bytes of which `matches`, in order and disjoint, are the pattern's.
    func split(count: Int, matches: [Range<Int>], isInverted: Bool = false, emit: (Range<Int>) -> Void) {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        var end = 0
        for match in matches {
            if match.lowerBound > end { parts.append((end..<match.lowerBound, isInverted)) }
            parts.append((match, !isInverted))
            end = match.upperBound
        }
        if end < count { parts.append((end..<count, isInverted)) }
        switch self {
        case .isolated: for part in parts { emit(part.range) }
        case .removed: for part in parts where !part.isMatch { emit(part.range) }
        case .contiguous, .mergedWithPrevious:
            var current: (range: Range<Int>, isMatch: Bool)?
            for part in parts {
                let joins =
                    self == .contiguous ? current?.isMatch == part.isMatch : part.isMatch && current?.isMatch == false
                if let open = current, joins {
                    current = (open.range.lowerBound..<part.range.upperBound, part.isMatch)
                } else {
                    if let open = current { emit(open.range) }
                    current = part
                }
            }
            if let open = current { emit(open.range) }
        case .mergedWithNext:
            var index = 0
            while index < parts.count {
                let joins = parts[index].isMatch && index + 1 < parts.count && !parts[index + 1].isMatch
                let last = joins ? index + 1 : index
                emit(parts[index].range.lowerBound..<parts[last].range.upperBound)
                index = last + 1
            }
        }
    }
}
