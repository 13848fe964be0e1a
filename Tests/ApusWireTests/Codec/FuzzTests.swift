import ApusCore
import ApusTestSupport
import Testing

@testable import ApusWire

@Suite struct FuzzTests {
    /// A frame either is refused or is the one encoding of what it was read as: nothing is repaired or overlooked.
    private func check<Message: WireMessage>(_ frame: [UInt8], as: Message.Type, seed: UInt64) {
        guard let message = try? Message.decoded(frame) else { return }
        #expect(message.encoded() == frame, "seed \(seed)")
    }

    private func checkAll(_ frame: [UInt8], seed: UInt64) {
        check(frame, as: FrontToScheduler.self, seed: seed)
        check(frame, as: SchedulerToDetokenizer.self, seed: seed)
        check(frame, as: ToFront.self, seed: seed)
    }

    private func frame(_ messages: inout RandomMessages) -> [UInt8] {
        switch messages.random.next() % 3 {
        case 0: messages.frontToScheduler().encoded()
        case 1: messages.schedulerToDetokenizer().encoded()
        default: messages.toFront().encoded()
        }
    }

    @Test func mutatedFrames() {
        var messages = RandomMessages(seed: 4)
        for _ in 0..<4000 {
            var frame = frame(&messages)
            for _ in 0...(messages.random.next() % 3) {
                let index = Int.random(in: 0..<frame.count, using: &messages.random)
                switch messages.random.next() % 4 {
                case 0: frame[index] = UInt8(truncatingIfNeeded: messages.random.next())
                case 1: frame[index] ^= 1 << UInt8(messages.random.next() % 8)
                case 2: frame[index] = 0xFF
                default: if frame.count > 1 { frame.remove(at: index) }
                }
            }
            checkAll(frame, seed: 4)
        }
    }

    /// A valid header and tag, then noise: reaches the fields of every message.
    @Test func randomBodies() {
        var random = SeededRandom(seed: 5)
        for link in LinkKind.allCases {
            for tag in UInt8(0)...9 {
                for _ in 0..<100 {
                    var writer = WireWriter()
                    writer.append(integer: WireFormat.magic)
                    writer.append(integer: WireFormat.version)
                    writer.append(integer: link.rawValue)
                    writer.append(integer: tag)
                    // Mostly small bytes: counts that can be met, presence bytes that are valid.
                    let body = random.bytes(count: Int.random(in: 0..<200, using: &random)).map {
                        $0 < 200 ? $0 % 3 : $0
                    }
                    checkAll(writer.bytes + body, seed: 5)
                }
            }
        }
    }

    @Test func noiseIsForeign() {
        var random = SeededRandom(seed: 6)
        for count in 0..<300 {
            let frame = random.bytes(count: count)
            #expect(throws: FrameError.self) { try FrontToScheduler.decoded(frame) }
            #expect(throws: FrameError.self) { try ToFront.decoded(frame) }
        }
    }

    @Test func everyPrefixOfAFrameIsTruncatedAndEveryExtensionRefused() throws {
        var messages = RandomMessages(seed: 7)
        for _ in 0..<40 {
            let frame = messages.schedulerToDetokenizer().encoded()
            for end in 0..<frame.count {
                #expect(throws: FrameError.truncated) {
                    try SchedulerToDetokenizer.decoded(Array(frame[..<end]))
                }
            }
            #expect(throws: FrameError.trailing(1)) { try SchedulerToDetokenizer.decoded(frame + [0]) }
        }
    }

    @Test func whatIsNotOursIsNamed() {
        let frame = FrontToScheduler.state(call: 1).encoded()
        func changed(_ index: Int, _ byte: UInt8) -> [UInt8] {
            var frame = frame
            frame[index] = byte
            return frame
        }
        func error(_ frame: [UInt8]) -> FrameError? {
            do throws(FrameError) {
                _ = try FrontToScheduler.decoded(frame)
                return nil
            } catch {
                return error
            }
        }
        #expect(error(changed(0, 0x42)) == .foreign)
        #expect(error(changed(4, UInt8(WireFormat.version + 1))) == .version(WireFormat.version + 1))
        #expect(error(changed(6, 2)) == .link(2))
        #expect(error(changed(6, 99)) == .link(99))
        #expect(error(changed(7, 99)) == .tag(99))
        #expect(
            error([UInt8](repeating: 0, count: WireFormat.maximumFrameByteCount + 1))
                == .oversized(WireFormat.maximumFrameByteCount + 1))
    }

    @Test func valuesThatATypeDoesNotAllowAreRefused() {
        func body(_ message: FrontToScheduler, edit: (inout [UInt8]) -> Void) -> FrameError? {
            var frame = message.encoded()
            edit(&frame)
            do throws(FrameError) {
                _ = try FrontToScheduler.decoded(frame)
                return nil
            } catch {
                return error
            }
        }
        #expect(body(.release(rids: ["ab"])) { $0[$0.count - 1] = 0xFF } == .invalid("text that is not UTF-8"))
        #expect(
            body(.generate(GenerateRequest(rid: "", schedulerEpoch: 0, inputIDs: []))) { $0[$0.count - 1] = 2 }
                == .invalid("truth value 2"))
        var sampling = SamplingParameters()
        sampling.logitBias = [0x1111_1111: 0, 0x2222_2222: 0]
        let biased = FrontToScheduler.generate(
            GenerateRequest(rid: "", schedulerEpoch: 0, inputIDs: [], sampling: sampling))
        #expect(
            body(biased) { frame in
                for index in frame.indices where frame[index] == 0x22 { frame[index] = 0x11 }
            } == .invalid("logit biases out of order"))
    }

    /// What bounds allocation: a count is believed only as far as the frame could hold that many elements.
    @Test func countsAreBoundedByTheFrame() throws {
        func frame(count: UInt32, following byteCount: Int) -> [UInt8] {
            var frame = FrontToScheduler.release(rids: []).encoded().dropLast(4) + []
            frame += (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
            return frame + [UInt8](repeating: 0, count: byteCount)
        }
        #expect(throws: FrameError.truncated) { try FrontToScheduler.decoded(frame(count: .max, following: 4000)) }
        #expect(throws: FrameError.truncated) { try FrontToScheduler.decoded(frame(count: 1001, following: 4000)) }
        #expect(
            try FrontToScheduler.decoded(frame(count: 1000, following: 4000))
                == .release(rids: [String](repeating: "", count: 1000)))
    }

    @Test func leastByteCountsAreThoseOfTheShortestEncodings() {
        func length(_ value: some WireValue) -> Int {
            var writer = WireWriter()
            writer.append(value)
            return writer.bytes.count
        }
        let usage = Usage(promptTokens: 0)
        #expect(length("") == String.leastByteCount)
        #expect(length(Int32(0)) == Int32.leastByteCount)
        #expect(
            length(TokenUpdate(rid: "", opening: nil, start: 0, ids: [], usage: usage, timing: Timing()))
                == TokenUpdate.leastByteCount)
        #expect(
            length(TextDelta(rid: "", start: 0, ids: [], textStart: 0, text: "", usage: usage, timing: Timing()))
                == TextDelta.leastByteCount)
        #expect(length(HiddenState([])) == HiddenState.leastByteCount)
        #expect(length(TokenLogprobs(token: 0, logprob: nil)) == TokenLogprobs.leastByteCount)
        let alternative = TokenLogprobs.Alternative(token: 0, logprob: 0)
        #expect(length(alternative) == TokenLogprobs.Alternative.leastByteCount)
        #expect(length(EndedRequest(rid: "", finish: .notANumber)) == EndedRequest.leastByteCount)
    }
}
