package import ApusExperts

/// The border between scheduling and arithmetic of models that make vectors: texts in, a vector each out.
///
/// A worker is used by one thread. A text's vector does not depend on the other texts of a batch.
package protocol EmbeddingWorker: WeightHolder {
    /// Longest text in tokens, and most tokens of a batch of several texts.
    var contextLength: Int { get }
    var tokenCapacity: Int { get }
    var vocabularySize: Int { get }
    /// Segments that token types may name.
    var typeCount: Int { get }

    /// The vectors of the batch's texts, in order. Throws when memory cannot be had.
    func embed(_ batch: EmbeddingBatch) throws -> [[Float]]

    /// The experts that tokens may visit.
    var expertShape: ExpertShape { get }
    /// Tells a recorder of every visit from now on.
    func record(experts recorder: ExpertRecorder)
}

extension EmbeddingWorker {
    package var expertShape: ExpertShape { .dense }
    package func record(experts recorder: ExpertRecorder) {}
}

/// Texts, one behind the other. Kept and refilled by the caller.
package struct EmbeddingBatch {
    package struct Text: Hashable, Sendable {
        /// Its rows.
        package var rows: Range<Int>
        /// Leading numbers of the vector that are kept; nil: all.
        package var dimensions: Int?
    }

    /// [rows] token ids.
    package private(set) var tokens: [Int32] = []
    /// [rows] segments.
    package private(set) var types: [Int32] = []
    package private(set) var texts: [Text] = []
    /// Which of the worker's weights compute all of it.
    package var generation = 0

    package init() {}

    /// `types`: one a token, or empty: all 0.
    package mutating func append(_ ids: [Int32], types segments: [Int32], dimensions: Int?) {
        precondition(!ids.isEmpty && (segments.isEmpty || segments.count == ids.count))
        texts.append(Text(rows: tokens.count..<tokens.count + ids.count, dimensions: dimensions))
        tokens += ids
        types += segments.isEmpty ? Array(repeating: 0, count: ids.count) : segments
    }

    package mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
    }
}
