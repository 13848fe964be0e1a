/// Counts which experts tokens visit, between a start and a stop.
///
/// Counts are kept since the start; single passes only as many as the buffer holds. Start, stop and dump may come in any
/// order, while passes run or not; all calls are made on the thread that runs the model.
package final class ExpertRecorder {
    package enum Mode: String, Sendable, CaseIterable {
        case stat
        /// The reference's cheaper `stat`; here they are one.
        case statApprox = "stat_approx"
        /// The counts of each pass.
        case perPass = "per_pass"
        /// Whom each token visited.
        case perToken = "per_token"

        package var isDetailed: Bool { self == .perPass || self == .perToken }
    }

    package let shape: ExpertShape
    package let mode: Mode
    package private(set) var isRecording = false

    private var counts: [Int]
    private var buffer: ExpertBuffer
    private let keepsPasses: Bool
    private var current: ExpertPass?
    private var passNumber = 0

    /// - Parameters:
    ///   - passLimit: Passes that are kept at most; nil: as many as fit `byteLimit`.
    ///   - keepsPasses: Whether a dump of plain counts wants single passes too; detailed modes always do.
    package init(
        _ shape: ExpertShape, mode: Mode = .stat, passLimit: Int? = 1000, keepsPasses: Bool = false,
        byteLimit: Int = 256 << 20
    ) {
        self.shape = shape
        self.mode = mode
        self.keepsPasses = keepsPasses || mode.isDetailed
        counts = Array(repeating: 0, count: shape.layerCount * shape.expertCount)
        buffer = ExpertBuffer(passLimit: passLimit ?? .max, byteLimit: byteLimit, addsUp: !mode.isDetailed)
    }

    /// Begins anew, also when it was recording.
    package func start() {
        clear()
        isRecording = true
    }

    package func stop() { isRecording = false }

    /// What was recorded, which is forgotten; recording goes on if it was going on.
    package func take() -> ExpertRecord {
        defer { clear() }
        return ExpertRecord(shape: shape, mode: mode, counts: counts, passes: buffer.passes)
    }

    private func clear() {
        for index in counts.indices { counts[index] = 0 }
        buffer.removeAll()
    }

    // MARK: - Passes

    /// - Parameters:
    ///   - tokens, positions: One for each row.
    ///   - lengths: Rows of each sequence.
    package func beginPass(_ kind: ExpertPass.Kind, tokens: [Int32], positions: [Int32], lengths: [Int32]) {
        passNumber += 1
        var pass = ExpertPass(
            number: passNumber, kind: kind, counts: Array(repeating: 0, count: counts.count))
        if mode == .perToken {
            pass.tokens = tokens
            pass.positions = positions
            pass.lengths = lengths
            pass.experts = Array(repeating: -1, count: shape.layerCount * tokens.count * shape.chosen)
        }
        current = pass
    }

    /// A sparse layer of the pass: [rows, chosen] numbers of experts.
    package func visit(layer: Int, _ experts: [Int32]) {
        guard current != nil else { return }
        precondition(layer < shape.layerCount)
        for expert in experts { current?.counts[layer * shape.expertCount + Int(expert)] += 1 }
        if mode == .perToken {
            current?.experts.replaceSubrange(layer * experts.count..<(layer + 1) * experts.count, with: experts)
        }
    }

    package func endPass() {
        guard let pass = current else { return }
        current = nil
        for index in counts.indices { counts[index] += Int(pass.counts[index]) }
        if keepsPasses { buffer.append(pass) }
    }
}
