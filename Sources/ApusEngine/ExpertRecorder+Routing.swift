import ApusCheckpoint
import ApusExperts
import ApusModels

extension ExpertShape {
    init(_ configuration: ModelConfiguration?) {
        guard let configuration, let experts = configuration.experts else {
            self = .dense
            return
        }
        self.init(layerCount: configuration.layerCount, expertCount: experts.count, chosen: experts.chosen)
    }
}

extension ExpertRecorder: RoutingObserver {
    package func note(layer: Int, _ experts: [Int32]) { visit(layer: layer, experts) }

    /// Runs a pass, and records it while records are being made.
    ///
    /// - Parameters:
    ///   - decodes: Which of the sequences go on from generated tokens.
    func listen(
        _ session: DecoderSession, _ tokens: UnsafeBufferPointer<Int32>, _ sequences: [DecoderSession.Rows],
        decodes: (Int) -> Bool
    ) {
        guard isRecording else { return session.run(tokens, sequences: sequences) }
        let decoding = sequences.indices.count(where: decodes)
        let kind: ExpertPass.Kind = decoding == 0 ? .extend : decoding == sequences.count ? .decode : .mixed
        let positions = sequences.flatMap { rows in
            (0..<rows.range.count).map { Int32(rows.position + $0) }
        }
        beginPass(
            kind, tokens: Array(tokens), positions: positions, lengths: sequences.map { Int32($0.range.count) })
        session.observer = self
        session.run(tokens, sequences: sequences)
        session.observer = nil
        endPass()
    }
}
