import ApusObserve
import Logging
import Synchronization
import Testing

struct LogTests {
    @Test
    func `lines carry time, role and level`() {
        let stamp = LogLine.timeStamp(1_795_824_777.9)
        #expect(stamp.count == 19 && stamp.hasPrefix("2026-11-"))
        #expect(
            LogLine.render(time: 1_795_824_777.9, role: "front", level: .info, message: "up", fields: [("a", "1")])
                == "[\(stamp) front] up, a=1")
        #expect(
            LogLine.render(time: 1_795_824_777, role: "scheduler", level: .warning, message: "slow")
                == "[\(stamp) scheduler] WARNING: slow")
        #expect(LogLine.render(time: 0, role: "r", level: .error, message: "a\nb").hasSuffix(" r] ERROR: a\\nb"))
    }

    @Test
    func `the handler writes whole lines at its level`() {
        let lines = Mutex<[String]>([])
        var handler = StandardErrorLog(role: "front", level: .warning) { line in lines.withLock { $0.append(line) } }
        handler[metadataKey: "always"] = "x"
        let logger = Logger(label: "test") { _ in handler }
        logger.info("not seen")
        logger.warning("seen", metadata: ["rid": "7"])
        lines.withLock {
            #expect($0.count == 1)
            #expect($0.first?.hasSuffix(" front] WARNING: seen, always=x, rid=7\n") == true)
        }
    }
}
