import ApusExperts
import ApusTestSupport
import ApusWire
import Testing

@testable import ApusScheduler

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct ExpertTests {
    private let directory = TemporaryDirectory()

    private func replies(_ bench: Bench) -> [UInt64: ControlReply] {
        var replies: [UInt64: ControlReply] = [:]
        for case .controlled(let call, let reply) in bench.front.messages { replies[call] = reply }
        return replies
    }

    /// Names of tables in the folder.
    private func tables() -> [String] {
        guard let folder = opendir(directory.path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0.hasSuffix(".csv") }
    }

    /// Each call has one answer, in the reference's words, whatever came before; a dump's file is there by then.
    @Test func everyOrderIsAnswered() {
        var random = SeededRandom(seed: 4)
        let bench = Bench { $0.experts.directory = directory.path }
        let words: [ExpertAction: String] = [
            .start: "Start recording the expert distribution.\n", .stop: "Stop recording the expert distribution.\n",
            .dump: "Dump expert distribution record.\n",
        ]
        var dumps = 0
        for call in 1...40 as ClosedRange<UInt64> {
            let action = ExpertAction.allCases.randomElement(using: &random)!
            bench.send(.control(call: call, .recordExperts(action)))
            var reply: ControlReply?
            for _ in 0..<5000 {
                bench.scheduler.step()
                reply = replies(bench)[call]
                if reply != nil { break }
                usleep(1000)
            }
            #expect(reply == .done(message: words[action]!))
            if action == .dump { dumps += 1 }
            #expect(tables().count == dumps)
        }
        #expect(dumps > 5)
    }

    @Test func aFolderThatCannotBeWrittenIsAnAnswer() {
        directory.write([0], to: "file")
        let bench = Bench { $0.experts.directory = "\(directory.path)/file/below" }
        bench.send(.control(call: 1, .recordExperts(.dump)))
        for _ in 0..<5000 where replies(bench)[1] == nil {
            bench.scheduler.step()
            usleep(1000)
        }
        guard case .failed(let message) = replies(bench)[1] else {
            Issue.record("no failure")
            return
        }
        #expect(message.contains("cannot be written"))
    }
}
