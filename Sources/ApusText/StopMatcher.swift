/// Looks for stop strings in text that arrives in pieces. Strings are compared byte by byte: what Unicode calls
/// equivalent is not equal.
///
/// Each byte is looked at once for each string (Knuth, Morris, Pratt: "Fast pattern matching in strings", 1977), however
/// long the strings are.
package struct StopMatcher: Sendable {
    package struct Match: Sendable, Equatable {
        package let stop: String
        /// Its place in the list.
        package let index: Int
        /// Where it begins and ends in all of the text, in UTF-8 bytes.
        package let start: Int
        package let end: Int
    }

    private struct Pattern {
        let text: String
        let bytes: [UInt8]
        /// For each length of a matched beginning, the length of its longest proper beginning that is also its end.
        let fallback: [Int32]
        /// Bytes of the pattern that the text ends with now.
        var matched = 0

        init(_ text: String) {
            self.text = text
            bytes = Array(text.utf8)
            var fallback = [Int32](repeating: 0, count: bytes.count + 1)
            var length = 0
            for index in bytes.indices.dropFirst() {
                while length > 0, bytes[length] != bytes[index] { length = Int(fallback[length]) }
                if bytes[length] == bytes[index] { length += 1 }
                fallback[index + 1] = Int32(length)
            }
            self.fallback = fallback
        }

        /// The number of bytes of `text` after which the pattern is complete for the first time; nil if it is not.
        mutating func advance(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
            guard !bytes.isEmpty else { return 0 }
            for (index, byte) in text.enumerated() {
                while matched > 0, bytes[matched] != byte { matched = Int(fallback[matched]) }
                if bytes[matched] == byte { matched += 1 }
                if matched == bytes.count { return index + 1 }
            }
            return nil
        }
    }

    private var patterns: [Pattern]
    private var length = 0

    /// `stops`: in order of precedence. An empty one matches the first piece, whatever that is.
    package init(_ stops: [String]) {
        patterns = stops.map(Pattern.init)
    }

    /// The first string of the list that the text contains with this piece, at its first occurrence. Nothing may be
    /// appended after a match.
    package mutating func append(_ piece: String) -> Match? {
        var piece = piece
        return piece.withUTF8 { bytes in
            for index in patterns.indices {
                guard let count = patterns[index].advance(bytes) else { continue }
                let end = length + count
                let pattern = patterns[index]
                // An empty pattern is found before the text, not between its pieces.
                let start = pattern.bytes.isEmpty ? 0 : end - pattern.bytes.count
                return Match(stop: pattern.text, index: index, start: start, end: start + pattern.bytes.count)
            }
            length += bytes.count
            return nil
        }
    }

    /// Bytes at the end of the text that may be the beginning of a stop string.
    package var heldByteCount: Int {
        patterns.reduce(0) { max($0, $1.matched) }
    }
}
