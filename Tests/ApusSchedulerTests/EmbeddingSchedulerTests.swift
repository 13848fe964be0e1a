import ApusCore
import ApusEngine
import ApusTestSupport
import ApusWire
import Logging
import Synchronization
import Testing

@testable import ApusScheduler

/// The vector of a text is [sum of ids times the weights' salt, number of tokens].
private final class SumWorker: EmbeddingWorker, SaltedWorker {
    let contextLength = 40
    let tokenCapacity = 200
    let vocabularySize = 100
    let typeCount = 2
    var nextError: (any Error)?
    /// Stands for the weights, by generation.
    var salts: [Int: UInt64] = [0: 1]
    /// Texts of each batch.
    var batches: [Int] = []

    func embed(_ batch: EmbeddingBatch) throws -> [[Float]] {
        batches.append(batch.texts.count)
        if let error = nextError {
            nextError = nil
            throw error
        }
        return batch.texts.map { text in
            let ids = batch.tokens[text.rows]
            guard let salt = salts[batch.generation] else { preconditionFailure("weights that are not there") }
            let vector = [Float(ids.reduce(0, +)) * Float(salt), Float(ids.count)]
            return Array(vector.prefix(text.dimensions ?? 2))
        }
    }

    func readWeights(_ generation: Int, _ name: String, rowCount: Int) -> (shape: [Int], rows: [[Float]])? {
        name == "matrix" ? ([3, 1], (0..<min(3, rowCount)).map { [Float($0)] }) : nil
    }
}

/// An embedding scheduler between queues that a test holds.
private final class Stage {
    let worker = SumWorker()
    let inbox = ListInbox()
    let front = ListOutbox<SchedulerToFront>()
    let scheduler: EmbeddingScheduler
    private(set) var vectors: [String: [Float]] = [:]
    private(set) var versions: [String: String] = [:]
    let library = FakeLibrary()
    private let jobs = JobList()
    private(set) var ended: [String: FinishReason] = [:]
    private(set) var others: [SchedulerToFront] = []
    private(set) var endings = 0

    init(_ change: (inout SchedulerConfiguration) -> Void = { _ in }) {
        var configuration = SchedulerConfiguration(epoch: 7, processID: 1)
        configuration.chunkedPrefillSize = 50
        change(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let time = Time()
        scheduler = EmbeddingScheduler(
            configuration: configuration, worker: worker, inbox: inbox, front: front, logger: logger,
            clock: { time.now }, weightJobs: WeightJobs(library, wake: {}, start: { [jobs] in jobs.append($0) }))
        self.time = time
    }

    private final class Time {
        var now = 1000.0
    }

    private let time: Time

    func wait(_ seconds: Double) { time.now += seconds }

    func step(_ messages: FrontToScheduler...) {
        inbox.messages += messages
        scheduler.step()
        for message in front.drain() {
            switch message {
            case .embeddings(let replies):
                for reply in replies {
                    vectors[reply.rid] = reply.vector
                    versions[reply.rid] = reply.weightVersion
                    endings += 1
                }
            case .ended(let requests):
                for request in requests {
                    ended[request.rid] = request.finish
                    endings += 1
                }
            case .heartbeat: break
            default: others.append(message)
            }
        }
    }

    /// Lets the library's next call end, and the scheduler notice.
    func runJob() {
        #expect(jobs.runOne())
        step()
    }

    func reply(_ call: UInt64) -> ControlReply? {
        others.lazy.compactMap { if case .controlled(call, let reply) = $0 { reply } else { nil } }.first
    }

    static func update(_ path: String, version: String? = nil, call: UInt64 = 1) -> FrontToScheduler {
        .control(call: call, .updateWeights(WeightUpdate(path: path, version: version, flushesCache: true)))
    }

    static func text(_ rid: String, _ ids: [Int32], dimensions: Int? = nil, epoch: UInt64 = 7) -> FrontToScheduler {
        .embed(EmbedRequest(rid: rid, schedulerEpoch: epoch, inputIDs: ids, dimensions: dimensions))
    }
}

struct EmbeddingSchedulerTests {
    @Test func textsGoTogetherUpToTheBudget() {
        let stage = Stage()
        let ids = Array(repeating: Int32(2), count: 20)
        stage.step(Stage.text("a", ids), Stage.text("b", ids), Stage.text("c", ids, dimensions: 1))
        #expect(stage.vectors == ["a": [40, 20], "b": [40, 20]])
        stage.step()
        #expect(stage.vectors["c"] == [40])
        #expect(stage.worker.batches == [2, 1])
        #expect(stage.scheduler.isIdle)
        #expect(stage.endings == 3)
    }

    @Test func whatCannotRunIsRefused() throws {
        let stage = Stage { $0.maxQueuedRequests = 1 }
        stage.step(
            Stage.text("empty", []), Stage.text("vocabulary", [100]), Stage.text("negative", [-1]),
            Stage.text("long", Array(repeating: 1, count: 34)), Stage.text("old", [1], epoch: 6),
            .embed(EmbedRequest(rid: "types", schedulerEpoch: 7, inputIDs: [1], tokenTypes: [2])),
            .generate(GenerateRequest(rid: "generate", schedulerEpoch: 7, inputIDs: [1])),
            Stage.text("good", [1]), Stage.text("good", [1]), Stage.text("full", [1]))
        #expect(
            Set(stage.ended.keys)
                == ["empty", "vocabulary", "negative", "long", "types", "generate", "good", "full"])
        #expect(stage.vectors == ["good": [1, 1]])
        #expect(stage.ended["full"] == .refused("The request queue is full.", status: 503))
        #expect(stage.ended["good"] == .refused("Duplicate request ID detected: good", status: 400))
        guard case .abort(let message, 400?, _) = stage.ended["long"] else { return #expect(Bool(false)) }
        #expect(message.hasPrefix("Input length (34 tokens) exceeds the maximum allowed length (34 tokens)."))
    }

    /// Texts that were cut to the context may fill it; nothing may exceed it.
    @Test(arguments: [nil, 38])
    func textsMayFillTheContext(context: Int?) {
        let length = context ?? 40
        for truncates in [false, true] {
            let stage = Stage {
                $0.contextLength = context
                $0.allowAutoTruncate = truncates
            }
            for count in [length, length + 1] {
                let request = EmbedRequest(
                    rid: "\(count)", schedulerEpoch: 7, inputIDs: Array(repeating: 1, count: count),
                    mayFillContext: true)
                stage.step(.embed(request))
            }
            let whole = Float(length), cut = Float(length - 6)
            #expect(stage.vectors["\(length)"] == [whole, whole])
            #expect(stage.vectors["\(length + 1)"] == (truncates ? [cut, cut] : nil))
        }
    }

    @Test func truncationKeepsTheBeginning() {
        let stage = Stage { $0.allowAutoTruncate = true }
        stage.step(Stage.text("long", Array(repeating: 1, count: 39)))
        #expect(stage.vectors == ["long": [34, 34]])
    }

    /// What waits can be aborted, released or left behind by a front that ended; each has at most one ending.
    @Test func requestsLeaveTheQueue() {
        let stage = Stage()
        let ids = Array(repeating: Int32(1), count: 30)
        stage.step(
            Stage.text("a", ids), Stage.text("b", ids), Stage.text("c", ids), Stage.text("d", ids),
            .abort(.request(rid: "b")), .release(rids: ["c"]))
        #expect(stage.vectors.keys.sorted() == ["a"])
        #expect(stage.ended == ["b": .abort(message: "Abort in waiting queue", status: nil, kind: nil)])
        stage.step(.hello(frontEpoch: 3))
        #expect(stage.scheduler.isIdle)
        #expect(stage.endings == 2)
        #expect(stage.others == [.ready(stage.scheduler.ready)])
        stage.step(Stage.text("e", ids), Stage.text("f", ids), .abort(.everything))
        #expect(stage.endings == 4)
    }

    @Test func waitingHasALimit() {
        let stage = Stage { $0.waitingTimeout = 5 }
        let ids = Array(repeating: Int32(1), count: 30)
        stage.step(Stage.text("a", ids), Stage.text("b", ids))
        stage.wait(6)
        stage.step()
        #expect(stage.ended == ["b": .refused("Request waiting timeout reached.", status: 503)])
    }

    @Test func aFailedStepEndsItsTextsOnly() {
        struct Failure: Error {}
        let stage = Stage()
        stage.worker.nextError = Failure()
        stage.step(Stage.text("a", [1]))
        #expect(stage.ended["a"] != nil)
        stage.step(Stage.text("b", [1]))
        #expect(stage.vectors == ["b": [1, 1]])
    }

    /// A front that takes nothing holds further steps back: vectors must not pile up.
    @Test func aFullFrontStopsTheWork() {
        let stage = Stage()
        stage.front.isFull = { true }
        stage.step(Stage.text("a", [1]))
        stage.step(Stage.text("b", [2]))
        stage.step(Stage.text("c", [3]))
        #expect(stage.worker.batches.count == 1)
        stage.front.isFull = { false }
        stage.step()
        stage.step()
        #expect(stage.vectors == ["a": [1, 1], "b": [2, 1], "c": [3, 1]])
        #expect(stage.endings == 3)
    }

    @Test func questionsAreAnswered() {
        let stage = Stage()
        stage.step(
            .generate(GenerateRequest(rid: "health", schedulerEpoch: 7, inputIDs: [0], isHealthCheck: true)),
            .flushCache(call: 1, timeout: 0), .control(call: 2, .proceed))
        #expect(stage.others.contains(.healthy(rid: "health")))
        #expect(stage.others.contains(.flushed(call: 1, outcome: .flushed)))
        #expect(
            stage.others.contains { if case .controlled(call: 2, .failed) = $0 { true } else { false } })
    }

    /// Texts that wait are made on the weights that they came to, later ones on the new, and each says so.
    @Test func weightsChangeBetweenTexts() {
        let stage = Stage()
        let ids = Array(repeating: Int32(1), count: 30)
        stage.step(Stage.update("w7", version: "seven"))
        stage.runJob()
        stage.step(Stage.text("a", ids))
        #expect(stage.vectors["a"] == [30, 30] && stage.versions["a"] == "default" && stage.reply(1) == nil)
        // One text a step: two wait when the new weights are there.
        stage.inbox.messages += [Stage.text("b", ids), Stage.text("c", ids), Stage.text("d", ids)]
        stage.scheduler.step()
        stage.runJob()
        #expect(
            stage.reply(1)
                == .done(message: "Succeeded to update model weights. Weight version updated to seven."))
        #expect(stage.worker.salts == [0: 1, 1: 7])
        stage.step(Stage.text("e", ids))
        for _ in 0..<3 { stage.step() }
        #expect(stage.vectors["d"] == [30, 30] && stage.versions["d"] == "default")
        #expect(stage.vectors["e"] == [210, 30] && stage.versions["e"] == "seven")
        #expect(stage.worker.salts == [1: 7] && stage.scheduler.ready.modelPath == "w7")
        stage.step(
            .control(call: 2, .nameWeights(version: "eight")),
            .control(call: 3, .readWeights(name: "matrix", rowCount: 2)))
        #expect(stage.scheduler.ready.weightVersion == "eight")
        #expect(stage.reply(3) == .rows(json: "[[0.0],[1.0]]"))
    }

    @Test func weightsThatFailChangeNothing() {
        let stage = Stage()
        stage.step(Stage.update("misfit"), Stage.update("torn3", call: 2), Stage.update("nobody", call: 3))
        for _ in 0..<4 { stage.runJob() }
        for call: UInt64 in 1...3 {
            guard case .failed? = stage.reply(call) else { return #expect(Bool(false), "\(call)") }
        }
        stage.step(Stage.text("a", [2]))
        #expect(stage.vectors["a"] == [2, 1] && stage.worker.salts == [0: 1])
        #expect(stage.scheduler.ready.weightVersion == "default" && stage.scheduler.ready.modelPath == nil)
    }

    /// Without room for both, texts that wait are done first and later ones wait; what was there is read again on failure.
    @Test(arguments: [0, 1, 2]) func weightsChangeInPlace(failures: Int) {
        let stage = Stage()
        stage.library.state.withLock { $0.hasRoom = false }
        let ids = Array(repeating: Int32(1), count: 30)
        stage.step(Stage.update("w7", version: "seven"))
        stage.runJob()
        stage.step(Stage.text("a", ids), Stage.text("b", ids), Stage.text("c", ids))
        stage.runJob()
        stage.step(Stage.text("d", ids))
        stage.step()
        #expect(stage.vectors["c"] == [30, 30] && stage.vectors["d"] == nil && stage.worker.salts.isEmpty)
        stage.library.state.withLock { $0.failures = failures }
        stage.runJob()
        if failures > 0 { stage.runJob() }
        stage.step()
        switch failures {
        case 0: #expect(stage.vectors["d"] == [210, 30] && stage.worker.salts == [1: 7])
        case 1: #expect(stage.vectors["d"] == [30, 30] && stage.worker.salts == [0: 1])
        default: #expect(stage.ended["d"] != nil && stage.worker.salts.isEmpty)
        }
        guard failures == 2 else { return #expect(stage.endings == 4) }
        // Nothing is served until an update succeeds.
        stage.step(Stage.text("e", ids), Stage.update("w3", call: 2))
        #expect(stage.ended["e"] != nil)
        stage.runJob()
        stage.runJob()
        stage.step(Stage.text("f", ids))
        #expect(stage.vectors["f"] == [90, 30])
    }

    /// Whatever comes in whatever order, each text has exactly one ending unless its front let go of it.
    @Test(arguments: 0..<20)
    func randomLives(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let stage = Stage()
        var open: Set<String> = []
        var released: Set<String> = []
        for number in 0..<200 {
            let rid = "r\(number)"
            let count = Int(random.next() % 33) + 1
            open.insert(rid)
            var messages = [Stage.text(rid, Array(repeating: 3, count: count))]
            if random.next() % 4 == 0, let victim = open.randomElement(using: &random) {
                messages.append(.abort(.request(rid: victim)))
            }
            if random.next() % 8 == 0, let victim = open.randomElement(using: &random) {
                messages.append(.release(rids: [victim]))
                released.insert(victim)
            }
            stage.inbox.messages += messages
            if random.next() % 3 == 0 { stage.step() }
        }
        while !stage.scheduler.isIdle { stage.step() }
        stage.step()
        let answered = Set(stage.vectors.keys).union(stage.ended.keys)
        #expect(answered.count == stage.endings)
        #expect(open.subtracting(answered).isSubset(of: released))
    }
}
