import ApusCore
import ApusEngine
import ApusTestSupport
import ApusWire
import Logging
import Testing

@testable import ApusScheduler

/// The vector of a text is [sum of ids, number of tokens].
private final class SumWorker: EmbeddingWorker {
    let contextLength = 40
    let tokenCapacity = 200
    let vocabularySize = 100
    let typeCount = 2
    var nextError: (any Error)?
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
            let vector = [Float(ids.reduce(0, +)), Float(ids.count)]
            return Array(vector.prefix(text.dimensions ?? 2))
        }
    }
}

/// An embedding scheduler between queues that a test holds.
private final class Stage {
    let worker = SumWorker()
    let inbox = ListInbox()
    let front = ListOutbox<SchedulerToFront>()
    let scheduler: EmbeddingScheduler
    private(set) var vectors: [String: [Float]] = [:]
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
            clock: { time.now })
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
