import ApusCore
import ApusEngine
import ApusGrammar
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

/// Grammars that tests name. A token's byte is its id and 40; token 1 ends a text and has none.
final class FakeGrammars: Sendable {
    static let trie = TokenTrie(Vocabulary((0..<64).map { $0 == 1 ? [] : [UInt8(40 + $0)] }))

    /// What was compiled, in order.
    let compiled = Mutex<[String]>([])
    /// Runs while a grammar is compiled.
    let onCompile = Mutex<(@Sendable (CompilationLimit) -> Void)?>(nil)
    private let trie: TokenTrie

    init(trie: TokenTrie = FakeGrammars.trie) {
        self.trie = trie
    }

    var compilation: GrammarCompilation {
        { [self] source, limit throws(GrammarError) in
            compiled.withLock { $0.append(source.text) }
            onCompile.withLock { $0 }?(limit)
            try limit.check()
            return try CompiledGrammar(try Self.grammar(source.text), trie: trie, limit: limit)
        }
    }

    static func grammar(_ name: String) throws(GrammarError) -> Grammar {
        var grammar = Grammar()
        switch name {
        // Digits, then a long way without a choice, then digits.
        case "form":
            let digits = GrammarExpression.repetition(.scalars(ScalarSet([0x30...0x39])), min: 1, max: 6)
            grammar.define(
                grammar.root, as: .sequence([digits, .text(";ABCDEFGHIJKLMNOPQRSTUV="), digits, .text("]")]))
        case "letters":
            grammar.define(grammar.root, as: .repetition(.scalars(ScalarSet([0x41...0x5A])), min: 1, max: nil))
        case "word": grammar.define(grammar.root, as: .text("ABC"))
        case "missing": grammar.define(grammar.root, as: .sequence([.text("A"), .text("z")]))
        case "late": throw .timedOut
        default: throw .invalid("there is no \(name)")
        }
        return grammar
    }

    static func accepts(_ name: String, _ ids: some Sequence<Int32>) throws -> Bool {
        let compiled = try CompiledGrammar(try grammar(name), trie: trie, limit: CompilationLimit())
        let matcher = GrammarMatcher(compiled, endTokens: [1])
        return ids.allSatisfy { matcher.accept($0) } && matcher.hasEnded
    }
}

/// Requests whose output must obey a grammar.
@Suite struct GrammarTests {
    private let grammars = FakeGrammars()

    private func bench(
        worker: FakeWorker = FakeWorker(), library: FakeLibrary? = nil,
        _ change: (inout SchedulerConfiguration) -> Void = { _ in }
    ) -> Bench {
        Bench(worker: worker, library: library, change, compilation: grammars.compilation)
    }

    private func ask(
        _ bench: Bench, _ rid: String, _ grammar: String?, limit: Int? = 60, logprobs: LogprobRequest? = nil,
        _ change: (inout SamplingParameters) -> Void = { _ in }
    ) {
        bench.generate(rid, [2, 3, 4, Int32(rid.utf8.count)], limit: limit, logprobs: logprobs) { sampling in
            sampling.grammar = grammar.map { GrammarSource(.ebnf, $0) }
            change(&sampling)
        }
    }

    private func run(_ bench: Bench) {
        bench.step()
        while bench.jobs.runOne() {}
        bench.runToIdle()
    }

    private func refusal(_ message: String, _ status: Int = 400) -> FinishReason { .refused(message, status: status) }

    // MARK: - Texts

    @Test func outputsObeyAndEndWhereTheGrammarEnds() throws {
        let bench = bench()
        for rid in ["a", "bb", "ccc"] { ask(bench, rid, "form") }
        ask(bench, "dddd", nil)
        run(bench)
        for rid in ["a", "bb", "ccc"] {
            let stream = try #require(bench.streams[rid])
            #expect(stream.finish == .stopToken(1))
            #expect(try FakeGrammars.accepts("form", stream.ids))
        }
        // Who has none is not touched by the others' grammars.
        let free = bench.worker.reference([2, 3, 4, 4], seed: 0, limit: 60) { $0 == 1 }
        #expect(bench.streams["dddd"]?.ids == free.output)
        #expect(bench.isPoolWhole)
    }

    /// A jump gives what single steps give, ids and log probabilities, in fewer steps.
    @Test(arguments: [1, 4]) func jumpsChangeNothing(pageSize: Int) throws {
        var seen: [Bench] = []
        var decodedInOne = 0
        for jumps in [false, true] {
            let bench = bench {
                $0.jumpsForward = jumps
                $0.pageSize = pageSize
            }
            bench.worker.onForward = { batch in
                for sequence in batch.sequences where sequence.decodes {
                    decodedInOne = max(decodedInOne, sequence.rowCount)
                }
                if !jumps { #expect(decodedInOne <= 1) }
            }
            for rid in ["a", "bb", "ccc", "dddd"] {
                ask(bench, rid, "form", logprobs: LogprobRequest(topCount: 3, tokenIDs: [1, 17])) {
                    if rid == "bb" { $0.maxNewTokens = 20 }
                    if rid == "ccc" { $0.stopTokenIDs = [30] }
                }
            }
            run(bench)
            seen.append(bench)
        }
        let (slow, quick) = (seen[0], seen[1])
        for rid in ["a", "bb", "ccc", "dddd"] {
            #expect(quick.streams[rid]?.ids == slow.streams[rid]?.ids)
            #expect(quick.streams[rid]?.logprobs == slow.streams[rid]?.logprobs)
            #expect(quick.streams[rid]?.finish == slow.streams[rid]?.finish)
        }
        #expect(slow.streams["bb"]?.finish == .length(20) && slow.streams["ccc"]?.finish == .stopToken(30))
        #expect(decodedInOne > 1)
        #expect(slow.scheduler.statistics.jumpedTokens == 0 && quick.scheduler.statistics.jumpedTokens > 60)
        #expect(quick.worker.steps < slow.worker.steps && quick.worker.rows <= slow.worker.rows)
    }

    /// Each token's hidden state is that of a row of its own.
    @Test func noJumpsWhereHiddenStatesAreWanted() throws {
        let bench = bench()
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 60
        sampling.seed = 0
        sampling.grammar = GrammarSource(.ebnf, "form")
        bench.send(
            .generate(
                GenerateRequest(
                    rid: "a", schedulerEpoch: 7, inputIDs: [2, 3], sampling: sampling, stream: true, hidden: .full)))
        run(bench)
        let stream = try #require(bench.streams["a"])
        #expect(try FakeGrammars.accepts("form", stream.ids))
        #expect(stream.hidden.count == stream.ids.count && bench.scheduler.statistics.jumpedTokens == 0)
    }

    @Test func aSmallPoolChangesNothing() throws {
        let wide = bench()
        let narrow = bench(worker: FakeWorker(slotCount: 64)) { $0.clipMaxNewTokensEstimation = 1 }
        let rids = (1...6).map { String(repeating: "r", count: $0) }
        for bench in [wide, narrow] {
            for rid in rids { ask(bench, rid, "form", limit: 40) }
            run(bench)
        }
        #expect(narrow.scheduler.statistics.retractions > 0 && narrow.isPoolWhole)
        for rid in rids {
            #expect(narrow.streams[rid]?.ids == wide.streams[rid]?.ids)
            #expect(narrow.streams[rid]?.finish == .stopToken(1))
        }
    }

    @Test func endTokensComeOnlyAtTheEnd() throws {
        let bench = bench()
        // The minimum gives way where only an end is possible; ids that end nothing end the grammar all the same.
        ask(bench, "a", "word") { $0.minNewTokens = 20 }
        ask(bench, "bb", "word") { $0.ignoreEOS = true }
        ask(bench, "ccc", "letters", limit: 30) { $0.minNewTokens = 10 }
        run(bench)
        for rid in ["a", "bb"] {
            #expect(bench.streams[rid]?.ids == [25, 26, 27, 1])
            #expect(bench.streams[rid]?.finish == .stopToken(1))
        }
        let letters = try #require(bench.streams["ccc"]?.ids)
        #expect(letters.dropLast().allSatisfy { (25...50).contains($0) })
    }

    @Test func withoutEndTokensTheGrammarEndsTheRequest() {
        let bench = bench(worker: FakeWorker(endTokenIDs: []))
        ask(bench, "a", "word")
        run(bench)
        #expect(bench.streams["a"]?.ids == [25, 26, 27] && bench.streams["a"]?.finish == .grammarEnd(27))
    }

    @Test func aVocabularyThatCannotSayItIsAnError() {
        let bench = bench()
        ask(bench, "a", "missing")
        run(bench)
        #expect(
            bench.streams["a"]?.finish == refusal("Grammar accept_token failed: no token fits the text so far", 500))
        #expect(bench.isPoolWhole)
    }

    @Test func thinkingIsFree() throws {
        let bench = bench()
        ask(bench, "a", "word", limit: 1000) {
            $0.grammarFollows = 9
            $0.ignoreEOS = true
        }
        run(bench)
        let stream = try #require(bench.streams["a"])
        let thinking = bench.worker.reference([2, 3, 4, 1], seed: 0, limit: 1000) { $0 == 9 }.output
        #expect(thinking.count > 1 && thinking.last == 9)
        #expect(stream.ids == thinking + [25, 26, 27, 1] && stream.finish == .stopToken(1))
    }

    // MARK: - Compilation

    @Test func whoWaitsHoldsUpNobodyAndNothing() {
        let bench = bench()
        ask(bench, "a", "word")
        ask(bench, "bb", "word")
        bench.generate("free", [5, 6], limit: 4) { $0.ignoreEOS = true }
        for _ in 0..<8 { bench.step() }
        #expect(bench.streams["free"]?.finish == .length(4))
        #expect(bench.phases["a"] == .compiling && bench.phases["bb"] == .compiling)
        // The loop sleeps, and knows that there is something to do.
        #expect(!bench.scheduler.isIdle)
        bench.scheduler.run(until: { bench.inbox.waits.count > 0 })
        #expect(bench.inbox.waits == [bench.scheduler.configuration.heartbeatInterval])
        bench.collect()
        bench.jobs.runOne()
        bench.runToIdle()
        #expect(bench.streams["a"]?.finish == .stopToken(1) && bench.streams["bb"]?.finish == .stopToken(1))
        // Known now.
        ask(bench, "ccc", "word")
        bench.runToIdle()
        #expect(bench.streams["ccc"]?.finish == .stopToken(1))
        #expect(grammars.compiled.withLock { $0 } == ["word"])
        #expect(bench.scheduler.grammars.statistics.cacheHits == 1)
        #expect(bench.scheduler.grammars.statistics.total == 3)
        #expect(bench.scheduler.grammars.statistics.seconds.count == 1)
        // Until the cache is flushed.
        bench.send(.flushCache(call: 1, timeout: 0))
        ask(bench, "dddd", "word")
        run(bench)
        #expect(grammars.compiled.withLock { $0 } == ["word", "word"])
    }

    @Test func failuresAreToldAndRemembered() {
        let bench = bench()
        ask(bench, "a", "nonsense")
        run(bench)
        let failure = refusal("Failed to compile ebnf grammar: there is no nonsense")
        #expect(bench.ended["a"] == failure)
        ask(bench, "bb", "nonsense")
        bench.step()
        #expect(bench.ended["bb"] == failure)
        #expect(grammars.compiled.withLock { $0.count } == 1)
        #expect(bench.scheduler.requests.isEmpty)
    }

    @Test func timeoutsAreToldAndNotRemembered() {
        let bench = bench()
        for rid in ["a", "bb"] {
            ask(bench, rid, "late")
            run(bench)
            #expect(bench.ended[rid] == refusal("Grammar preprocessing timed out: ebnf grammar"))
        }
        #expect(grammars.compiled.withLock { $0.count } == 2)
        #expect(bench.scheduler.grammars.statistics.timeouts == 2)
    }

    @Test func nobodyWaitsForEver() {
        let bench = bench { $0.grammarTimeout = 5 }
        ask(bench, "a", "word")
        bench.step()
        bench.time.now += 4
        bench.step()
        #expect(bench.phases["a"] == .compiling)
        bench.time.now += 2
        bench.step()
        #expect(bench.ended["a"] == refusal("Grammar preprocessing timed out: ebnf grammar"))
        let counts = bench.scheduler.grammars.statistics
        #expect((counts.total, counts.aborted, counts.timeouts) == (1, 1, 1))
        // The job went with the last who waited.
        while bench.jobs.runOne() {}
        #expect(grammars.compiled.withLock { $0.isEmpty } && bench.scheduler.isIdle)
    }

    @Test func abortAndReleaseWhileCompiling() {
        let bench = bench()
        let aborted = FinishReason.abort(message: "Abort in waiting queue", status: nil, kind: nil)
        ask(bench, "a", "word")
        ask(bench, "bb", "word")
        ask(bench, "ccc", "letters")
        bench.step()
        bench.send(.abort(.request(rid: "a")))
        bench.release("ccc")
        bench.step()
        #expect(bench.ended["a"] == aborted && bench.ended["ccc"] == nil && bench.phases.keys.sorted() == ["bb"])
        // The id is free at once.
        ask(bench, "a2", "word")
        while bench.jobs.runOne() {}
        bench.runToIdle()
        #expect(bench.streams["bb"]?.finish == .stopToken(1) && bench.streams["a2"]?.finish == .stopToken(1))
        #expect(grammars.compiled.withLock { $0 } == ["word"])
    }

    /// The last client leaves while its grammar is being compiled: the work ends, and comes to nothing.
    @Test func workThatNobodyWaitsForIsStopped() {
        let bench = bench()
        ask(bench, "a", "word")
        bench.step()
        let errors = Mutex<[GrammarError]>([])
        // The job runs on this thread.
        nonisolated(unsafe) let scheduler = bench
        grammars.onCompile.withLock {
            $0 = { limit in
                scheduler.send(.abort(.everything))
                scheduler.step()
                do throws(GrammarError) { try limit.check() } catch { errors.withLock { $0.append(error) } }
            }
        }
        bench.jobs.runOne()
        #expect(errors.withLock { $0 } == [.cancelled])
        grammars.onCompile.withLock { $0 = nil }
        bench.step()
        #expect(bench.scheduler.isIdle && bench.scheduler.requests.isEmpty)
        ask(bench, "bb", "word")
        run(bench)
        #expect(bench.streams["bb"]?.finish == .stopToken(1))
    }

    @Test func queuesAreBounded() {
        let bench = bench { $0.maxQueuedRequests = 300 }
        for index in 0...GrammarQueue.mostJobs { ask(bench, "\(index)", "grammar \(index)") }
        ask(bench, "same", "grammar 0")
        bench.step()
        #expect(bench.ended == ["\(GrammarQueue.mostJobs)": refusal("The grammar queue is full.", 503)])
        for index in 0..<60 { ask(bench, "more \(index)", "grammar 0") }
        bench.step()
        #expect(bench.ended.values.count { $0 == refusal("The request queue is full.", 503) } == 17)
        while bench.jobs.runOne() {}
        bench.step()
        #expect(bench.scheduler.isIdle)
    }

    @Test func noBackendNoGrammars() {
        let bench = Bench()
        ask(bench, "a", "word")
        bench.step()
        #expect(
            bench.ended["a"]
                == refusal(
                    "Grammar-based generation (json_schema, regex, ebnf, structural_tag) is not supported when the "
                        + "server is launched with --grammar-backend none"))
    }

    @Test func weightsThatChangeMeanwhileAreThoseItBeginsWith() throws {
        let library = FakeLibrary()
        let bench = bench(library: library)
        ask(bench, "a", "form")
        bench.step()
        bench.send(
            .control(call: 1, .updateWeights(WeightUpdate(path: "w7", version: "seven", flushesCache: true))))
        // The grammar's job is the oldest; those of the weights come behind it.
        repeat { bench.step() } while bench.jobs.runLast(beyond: 1)
        #expect(bench.phases["a"] == .compiling && bench.worker.salts == [1: 7])
        bench.jobs.runOne()
        bench.runToIdle()
        let stream = try #require(bench.streams["a"])
        #expect(stream.usage.weights.map(\.version) == ["seven"])
        #expect(try FakeGrammars.accepts("form", stream.ids))
    }

    /// A running request keeps its grammar's state over a change of weights under a pause.
    @Test func frozenRequestsGoOnUnderTheirGrammar() throws {
        let library = FakeLibrary()
        let bench = bench(library: library)
        ask(bench, "a", "form")
        bench.step()
        bench.jobs.runOne()
        for _ in 0..<2 { bench.step() }
        bench.send(.control(call: 1, .pause(.inPlace)))
        bench.send(
            .control(call: 2, .updateWeights(WeightUpdate(path: "w7", version: "seven", flushesCache: true))))
        repeat { bench.step() } while bench.jobs.runOne()
        bench.send(.control(call: 3, .proceed))
        bench.runToIdle()
        let stream = try #require(bench.streams["a"])
        #expect(stream.usage.weights.map(\.version) == ["default", "seven"])
        #expect(try FakeGrammars.accepts("form", stream.ids))
    }

    /// On real threads, with the grammars' own worker.
    @Test func theWorkerWakesWhoWaits() throws {
        let wakes = Atomic(0)
        let worker = GrammarWorker(
            seconds: 10, wake: { wakes.wrappingAdd(1, ordering: .sequentiallyConsistent) },
            compile: grammars.compilation)
        let ids = ["word", "nonsense", "late", "form"].map { worker.submit(GrammarSource(.ebnf, $0)) }
        var outcomes: [GrammarWorker.JobID: GrammarWorker.Outcome] = [:]
        while outcomes.count < 4 {
            for (id, outcome, _) in worker.take() { outcomes[id] = outcome }
        }
        for (id, kind) in zip(ids, ["ready", "invalid", "timedOut", "ready"]) {
            #expect("\(try #require(outcomes[id]))".hasPrefix(kind))
        }
        while wakes.load(ordering: .sequentiallyConsistent) < 4 {}
    }
}
