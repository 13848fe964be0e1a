/// What each token adds to a text, by id. Tokens that may never stand in a constrained text (special ones, ids that
/// nothing has) have no bytes.
package struct Vocabulary: Sendable {
    private var bytes: [UInt8] = []
    private var starts: [Int] = [0]

    package init() {}

    package init(_ tokens: [[UInt8]]) {
        for token in tokens { append(token) }
    }

    /// Gives the next id its bytes.
    package mutating func append(_ token: [UInt8]) {
        bytes += token
        starts.append(bytes.count)
    }

    package var count: Int { starts.count - 1 }

    package func bytes(of id: Int32) -> ArraySlice<UInt8> {
        guard id >= 0, Int(id) < count else { return [] }
        return bytes[starts[Int(id)]..<starts[Int(id) + 1]]
    }

    /// Ids of tokens that have bytes, by their bytes.
    func sortedIDs() -> [Int32] {
        let ids = (0..<Int32(count)).filter { !bytes(of: $0).isEmpty }
        return bytes.withUnsafeBufferPointer { all in
            func text(_ id: Int32) -> UnsafeBufferPointer<UInt8> {
                UnsafeBufferPointer(rebasing: all[starts[Int(id)]..<starts[Int(id) + 1]])
            }
            return ids.sorted { a, b in
                let (first, second) = (text(a), text(b))
                for index in 0..<min(first.count, second.count) where first[index] != second[index] {
                    return first[index] < second[index]
                }
                return (first.count, a) < (second.count, b)
            }
        }
    }
}
