import ApusCore
import ApusTestSupport
import ApusWire
import Synchronization
import Testing

@testable import ApusFront

@Suite struct MailboxTests {
    private let request = GenerateRequest(rid: "r", schedulerEpoch: 1, inputIDs: [97, 98, 99])

    @Test func updatesComeInOrder() async throws {
        let box = Mailbox(count: 2)
        #expect(box.put(FakeRing.delta(request, 0..<2), to: 1) == .taken)
        #expect(box.put(FakeRing.delta(request, 0..<1), to: 0) == .taken)
        #expect(box.put(FakeRing.delta(request, 2..<5, finish: .length(5)), to: 1) == .ended)
        box.end(0, with: .aborted)
        var seen: [(Int, String, Bool)] = []
        while let (index, update) = try await box.next() { seen.append((index, update.text, update.neverRan)) }
        #expect(seen.map(\.0) == [1, 0, 1, 0])
        #expect(seen.map(\.1) == ["ab", "a", "cab", ""])
        #expect(seen.map(\.2) == [false, false, false, true])
    }

    @Test func whatWaitsForLongIsMerged() async throws {
        let box = Mailbox(count: 1)
        for index in 0..<1_000 {
            _ = box.put(
                FakeRing.delta(request, index..<index + 1, finish: index == 999 ? .length(1_000) : nil), to: 0)
        }
        var updates: [ReplyUpdate] = []
        while let (_, update) = try await box.next() { updates.append(update) }
        #expect(updates.count <= Mailbox.patience)
        #expect(updates[0].ids.count > Mailbox.patience)
        #expect(updates.flatMap(\.ids).count == 1_000)
        #expect(updates.map(\.text).joined().utf8.count == 1_000)
        #expect(updates.last?.finish == .length(1_000))
        #expect(updates.last?.usage.completionTokens == 1_000)
    }

    @Test func failuresComeFirst() async throws {
        let box = Mailbox(count: 1)
        _ = box.put(FakeRing.delta(request, 0..<1), to: 0)
        box.fail(.unavailable("gone"))
        box.fail(.clientGone)
        await #expect(throws: FrontError.unavailable("gone")) { try await box.next() }
    }

    @Test func aWaitingReaderIsWoken() async throws {
        let box = Mailbox(count: 1)
        async let update = box.next()
        _ = box.put(FakeRing.delta(request, 0..<1, finish: .length(1)), to: 0)
        #expect(try await update?.update.text == "a")
    }

    /// However a stream is cut, repeated from its start or torn, the reader gets each token and each byte once.
    @Test func anyCutsGiveTheSameText() async throws {
        var random = SeededRandom(seed: 7)
        let text = "aé漢🐼 zß字"
        let bytes = Array(text.utf8)
        let scalars = text.unicodeScalars.reduce(into: [0]) { $0.append($0[$0.count - 1] + UTF8.width($1)) }
        for _ in 0..<300 {
            let box = Mailbox(count: 1)
            // One token a scalar: the borders of the text are those of the tokens.
            var position = 0
            var got = ReplyUpdate()
            var gaps = 0
            while got.finish == nil {
                if Int.random(in: 0..<6, using: &random) == 0 { position = 0 }
                if position > 0, Int.random(in: 0..<8, using: &random) == 0, position < scalars.count - 2 {
                    position += 1
                }
                let end = Int.random(in: position..<scalars.count, using: &random)
                let delta = TextDelta(
                    rid: "r", start: position, ids: (position..<end).map(Int32.init), textStart: scalars[position],
                    text: String(decoding: bytes[scalars[position]..<scalars[end]], as: UTF8.self),
                    finish: end == scalars.count - 1 ? .length(end) : nil, usage: Usage(promptTokens: 1),
                    timing: Timing())
                switch box.put(delta, to: 0) {
                case .gap:
                    gaps += 1
                    position = 0
                case .taken, .ended: position = end
                }
                guard Bool.random(using: &random) || delta.finish != nil else { continue }
                while box.hasNews, let next = try await box.next() { got.merge(next.update) }
            }
            #expect(got.text == text)
            #expect(got.ids == (0..<Int32(scalars.count - 1)).map { $0 })
        }
    }
}

@Suite struct ReplyBoardTests {
    private func board(limit: Int = 10, isFull: Bool = false) -> (ReplyBoard, Sent) {
        let sent = Sent()
        let board = ReplyBoard(limit: limit) { message in
            sent.messages.withLock { $0.append(message) }
            return !isFull
        }
        return (board, sent)
    }

    private final class Sent: Sendable {
        let messages = Mutex<[FrontToScheduler]>([])
        var all: [FrontToScheduler] { messages.withLock { $0 } }
    }

    private func request(_ rid: String, epoch: UInt64 = 1) -> GenerateRequest {
        GenerateRequest(rid: rid, schedulerEpoch: epoch, inputIDs: [97])
    }

    @Test func allOrNothingIsOpened() throws {
        let (board, _) = board(limit: 3)
        _ = try board.open(["a"], into: Mailbox(count: 1), areChosen: true)
        #expect(throws: FrontError.refused("Duplicate request ID detected: a")) {
            try board.open(["b", "a"], into: Mailbox(count: 2), areChosen: true)
        }
        #expect(throws: FrontError.self) {
            try board.open(["b", "c", "d"], into: Mailbox(count: 3), areChosen: true)
        }
        #expect(board.clientCount == 1)
        _ = try board.open(["b", "c"], into: Mailbox(count: 2), areChosen: true)
        #expect(board.clientCount == 3)
    }

    @Test func anAbortBeforeDispatchIsOurs() async throws {
        let (board, sent) = board()
        let box = Mailbox(count: 1)
        let ringID = try board.open(["a"], into: box, areChosen: true)[0]
        board.abort(rid: "a")
        try board.dispatch(request(ringID))
        let update = try await box.next()?.update
        #expect(update?.neverRan == true)
        #expect(update?.finish == .abort(message: "Abort in waiting queue", status: nil, kind: nil))
        #expect(sent.all.isEmpty, "the scheduler never hears of it")
    }

    @Test func oneEndingEach() async throws {
        let (board, sent) = board()
        let box = Mailbox(count: 1)
        let ringID = try board.open(["a"], into: box, areChosen: true)[0]
        try board.dispatch(request(ringID))
        let last = FakeRing.delta(request(ringID), 0..<1, finish: .length(1))
        board.deliver([last, last])
        board.deliver([EndedRequest(rid: ringID, finish: .aborted)])
        board.abandon([ringID])
        board.fail(epoch: 1, .unavailable("late"))
        #expect(try await box.next()?.update.finish == .length(1))
        #expect(try await box.next() == nil)
        #expect(sent.all == [.generate(request(ringID)), .release(rids: [ringID])])
    }

    @Test func onlyTheLostSchedulersRequestsFail() async throws {
        let (board, sent) = board()
        let boxes = (0..<3).map { _ in Mailbox(count: 1) }
        let ids = try boxes.enumerated().map { try board.open(["r\($0)"], into: $1, areChosen: true)[0] }
        try board.dispatch(request(ids[0], epoch: 1))
        try board.dispatch(request(ids[1], epoch: 2))
        board.fail(epoch: 1, .unavailable("gone"))
        await #expect(throws: FrontError.unavailable("gone")) { try await boxes[0].next() }
        #expect(board.clientCount == 2)
        #expect(sent.all.count == 2)
        board.failEverything(.unavailable("over"))
        await #expect(throws: FrontError.unavailable("over")) { try await boxes[2].next() }
        #expect(sent.all.suffix(2) == [.abort(.request(rid: ids[1])), .release(rids: [ids[1]])])
        #expect(board.clientCount == 0)
    }

    @Test func aFullRingRefuses() throws {
        let (board, _) = board(isFull: true)
        let ringID = try board.open(["a"], into: Mailbox(count: 1), areChosen: false)[0]
        #expect(ringID == "a")
        #expect(throws: FrontError.self) { try board.dispatch(request(ringID)) }
    }

    @Test func whatTheSchedulerForgotIsAskedForAndGivenUp() async throws {
        let (board, sent) = board()
        let box = Mailbox(count: 1)
        let ringID = try board.open(["a"], into: box, areChosen: true)[0]
        try board.dispatch(request(ringID), now: 100)
        board.sweep(idleSince: 99, now: 104)
        #expect(sent.all.count == 1)
        for _ in 0..<2 { board.sweep(idleSince: 99, now: 106) }
        #expect(sent.all.dropFirst() == [.resend(rids: [ringID])])
        board.sweep(idleSince: 99, now: 131)
        await #expect(throws: FrontError.unavailable("The request was lost; try again.")) { try await box.next() }
    }
}

extension Mailbox {
    /// Hands over news and wakes the reader.
    func put(_ delta: TextDelta, to index: Int) -> Delivery {
        let (delivery, reader) = deliver(delta, to: index)
        reader?.resume()
        return delivery
    }
}
