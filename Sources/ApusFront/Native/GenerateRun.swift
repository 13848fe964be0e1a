import ApusCore
import ApusJSON
import ApusWire

/// A request whose samples have their entries on the board, ready to be handed to the scheduler.
struct GenerateRun: Sendable {
    let plan: GeneratePlan
    let mailbox: Mailbox
    /// Ids on the ring, one a sample.
    let ringIDs: [String]
    let scope: RequestScope
    /// What the client asked for, for the log.
    let body: JSONObject
    let scheduler: SchedulerReady
    /// Seconds of the Unix clock.
    let receivedAt: Double

    /// The ids that the client knows.
    var rids: [String] { plan.samples.map(\.rid) }

    /// Making a frame takes microseconds. Rows of logprobs, hidden states and prompt ids, which each chunk repeats, may
    /// take milliseconds, in which the connections of an event loop would wait.
    var hasShortTurns: Bool {
        !plan.look.showsPromptIDs && plan.samples.allSatisfy { $0.logprobs == nil && $0.hidden == nil }
    }

    /// The next news of any sample, as `Mailbox.next` gives them; sessions take note.
    nonisolated(nonsending) func next() async throws(FrontError) -> (index: Int, update: ReplyUpdate)? {
        guard let news = try await mailbox.next() else { return nil }
        if let turn = plan.samples[news.index].turn {
            turn.append(news.update.ids)
            // Before the client hears of the end, and goes on from it.
            if news.update.finish != nil { turn.finish() }
        }
        return news
    }
}

extension FrontService {
    /// Understands, checks and tokenises a body, on a worker; `size` is that of the body in bytes.
    /// What constrains the output does so behind the first `grammarFollows` only.
    func prepare(
        _ body: JSONObject, size: Int, scope: RequestScope, receivedAt: Double, grammarFollows: Int32? = nil
    ) async throws(FrontError) -> GenerateRun {
        let scheduler = try scheduler()
        guard !configuration.isEmbedding else {
            throw .refused("This model is an embedding model and does not generate text.")
        }
        let planner = GeneratePlanner(
            configuration: configuration, codec: codec, ready: scheduler, sessions: sessions)
        let (outline, mailbox, ringIDs) = try await work.run(size: size) { () throws(FrontError) in
            try scope.checkClient()
            let outline = try planner.outline(body)
            let mailbox = Mailbox(count: outline.rids.count)
            // Before tokenising, so that a request can be aborted from here on.
            let ringIDs = try scope.open(outline.rids, into: mailbox, areChosen: outline.areRidsChosen)
            return (outline, mailbox, ringIDs)
        }
        for source in outline.grammars where !grammars.knows(source) {
            try await work.runGrammar { () throws(FrontError) in
                try scope.checkClient()
                try self.grammars.check(source)
            }
        }
        return try await work.run(size: size) { () throws(FrontError) in
            let plan = try planner.plan(body, outline, grammarFollows: grammarFollows)
            for turn in plan.samples.compactMap(\.turn) {
                scope.atEnd { turn.finish() }
                for rid in self.sessions.enter(turn) { self.board.abort(rid: rid) }
            }
            return GenerateRun(
                plan: plan, mailbox: mailbox, ringIDs: ringIDs, scope: scope, body: body, scheduler: scheduler,
                receivedAt: receivedAt)
        }
    }

    /// Hands all samples to the scheduler; several samples of one prompt only after their prompt is in the prefix cache.
    func dispatch(_ run: GenerateRun) async throws(FrontError) {
        if !run.plan.prefixRuns.isEmpty {
            let mailbox = Mailbox(count: run.plan.prefixRuns.count)
            let ringIDs = try run.scope.open(
                run.plan.prefixRuns.map(\.rid), into: mailbox, areChosen: false, isInternal: true)
            try dispatch(run.plan.prefixRuns, ringIDs, stream: false, run)
            while let (_, update) = try await mailbox.next() {
                if let failure = update.finish?.failure { throw failure }
            }
        }
        try dispatch(run.plan.samples, run.ringIDs, stream: run.plan.isStream, run)
    }

    private func dispatch(
        _ samples: [PlannedSample], _ ringIDs: [String], stream: Bool, _ run: GenerateRun
    ) throws(FrontError) {
        for (sample, ringID) in zip(samples, ringIDs) {
            try board.dispatch(
                GenerateRequest(
                    rid: ringID, schedulerEpoch: run.scheduler.schedulerEpoch, inputIDs: sample.inputIDs,
                    inputEmbeddings: sample.inputEmbeddings,
                    sampling: sample.sampling, stream: stream, streamInterval: sample.streamInterval,
                    logprobs: sample.logprobs, hidden: sample.hidden, cacheNamespace: sample.cacheNamespace,
                    origin: run.scope.origin))
        }
        failIfGone(run.scheduler)
    }

    /// Had the scheduler ended before requests were on the board as its own, nobody would have failed them.
    func failIfGone(_ scheduler: SchedulerReady) {
        if monitor.ring.ready?.schedulerEpoch != scheduler.schedulerEpoch {
            board.fail(
                epoch: scheduler.schedulerEpoch,
                .unavailable("The scheduler ended while it served this request; try again."))
        }
    }

    /// The growing answers of a run, in the order of its samples.
    func answers(of run: GenerateRun) -> [GenerateAnswer] {
        let codec = codec
        let setting = GenerateAnswer.Setting(
            look: run.plan.look, weightVersion: run.scheduler.weightVersion, showsTimes: configuration.enableMetrics,
            isIncremental: run.plan.isStream && configuration.incrementalStreaming, receivedAt: run.receivedAt,
            decode: { codec.decode([$0], skipSpecialTokens: false) }, isStream: run.plan.isStream,
            keepsText: configuration.requestLog.isOn)
        return run.plan.samples.enumerated().map { index, sample in
            GenerateAnswer(sample, index: run.plan.isArray && run.plan.isStream ? index : nil, setting)
        }
    }
}
