import ApusCore
import ApusJSON
import ApusWire
import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import ApusFront

/// Which streams run on the event loop of their connection, and that they do.
@Suite struct EventLoopExecutorTests {
    @Test func aTaskStaysOnItsLoop() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let request = GenerateRequest(rid: "r", schedulerEpoch: 1, inputIDs: [97, 98, 99])
        let box = Mailbox(count: 1)
        let places = try await withTaskExecutorPreference(EventLoopExecutor(loop)) {
            var places = [loop.inEventLoop]
            await Task.yield()
            places.append(loop.inEventLoop)
            // Woken from another thread, as by the one of the ring.
            let thread = NamedThread("ring") {
                for index in 0..<50 {
                    let finish = index == 49 ? FinishReason.length(50) : nil
                    _ = box.put(FakeRing.delta(request, index..<index + 1, finish: finish), to: 0)
                }
            }
            var count = 0
            while let (_, update) = try await box.next() {
                count += update.ids.count
                places.append(loop.inEventLoop)
            }
            thread.join()
            #expect(count == 50)
            return places
        }
        #expect(places.count > 2 && places.allSatisfy(\.self))
        #expect(!loop.inEventLoop)
    }

    @Test func aLoopServesManyTasksInTurns() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let sums = await withTaskGroup(of: Int.self) { group in
            for index in 0..<20 {
                group.addTask(executorPreference: EventLoopExecutor(loop)) {
                    var sum = 0
                    for _ in 0..<10 {
                        sum += loop.inEventLoop ? index : 1_000
                        await Task.yield()
                    }
                    return sum
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sums == 10 * (0..<20).reduce(0, +))
    }

    @Test func tasksWokenTogetherBeginWhenAllAreAwake() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let executors = EventLoopExecutors()
        let executor = executors.executor(of: loop)
        #expect(executors.executor(of: loop) === executor)
        let count = Count()
        await withTaskGroup(of: Void.self) { group in
            executors.together {
                for _ in 0..<3 {
                    group.addTask(executorPreference: executor) { count.value.withLock { $0 += 1 } }
                    // Only the tasks wait, not the loop.
                    try? loop.submit {}.wait()
                }
                #expect(count.value.withLock(\.self) == 0)
            }
        }
        #expect(count.value.withLock(\.self) == 3)
    }

    /// Else a stream's first chunk could overtake its head.
    @Test func aTaskBeginsAfterWhatTheLoopWasGivenBefore() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let executor = EventLoopExecutor(loop)
        let gate = DispatchSemaphore(value: 0)
        let order = Order()
        loop.execute { gate.wait() }
        let first = Task(executorPreference: executor) { order.note("first task") }
        loop.execute { order.note("loop") }
        let second = Task(executorPreference: executor) { order.note("second task") }
        gate.signal()
        await first.value
        await second.value
        #expect(order.names == ["first task", "loop", "second task"])
    }

    @Test(
        arguments: [
            ([:], true), (["text": ["a", "b"]], true), (["return_text_in_logprobs": true], true),
            (["return_logprob": true], false), (["return_prompt_token_ids": true], false),
            (["return_hidden_states": true], false),
        ] as [(JSONObject, Bool)])
    func streamsWithLittleToSayHaveShortTurns(extra: JSONObject, isShort: Bool) async throws {
        try await withFront(configure: { $0.hiddenStates = .full }) { server in
            var body: JSONObject = ["text": "abc", "stream": true, "sampling_params": ["max_new_tokens": 4]]
            for field in extra { body[field.key] = field.value }
            let service = server.front.service
            let scope = RequestScope(service.board, nil)
            defer { scope.end() }
            let run = try await service.prepare(body, size: 64, scope: scope, receivedAt: 0)
            #expect(run.hasShortTurns == isShort)
        }
    }

    /// Whichever thread it is on, the client gets the same.
    @Test func streamsSayTheSameOnEitherThread() async throws {
        try await withFront(.live) { server in
            var texts: [String] = []
            for asksForIDs in [false, true] {
                let answer = try await server.generate([
                    "text": "abc", "stream": true, "return_prompt_token_ids": .bool(asksForIDs),
                    "sampling_params": ["max_new_tokens": 40],
                ])
                #expect(answer.status == 200)
                texts.append(answer.events.last?["text"]?.stringValue ?? "")
            }
            #expect(texts[0].utf8.count == 40 && texts[0] == texts[1])
        }
    }
}

private final class Count: Sendable {
    let value = Mutex(0)
}

private final class Order: Sendable {
    private let state = Mutex<[String]>([])
    var names: [String] { state.withLock(\.self) }
    func note(_ name: String) { state.withLock { $0.append(name) } }
}
