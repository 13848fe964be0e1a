import ApusJSON
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
    func `as JSON a line is an object`() throws {
        let line = LogLine.renderJSON(
            time: 1_795_824_777.9, role: "front", level: .warning, message: "a\n\"b\"", fields: [("rid", "7")])
        #expect(!line.contains("\n"))
        let expected: JSONValue = [
            "time": "2026-11-28T00:12:57.900Z", "level": "warning", "role": "front", "message": "a\n\"b\"", "rid": "7",
        ]
        #expect(try JSONValue(parsing: line) == expected)
        let lines = Mutex<[String]>([])
        let handler = StandardErrorLog(role: "r", level: .info, format: .json) { line in
            lines.withLock { $0.append(line) }
        }
        Logger(label: "test") { _ in handler }.info("m", metadata: ["k": "v"])
        #expect(try JSONValue(parsing: lines.withLock { $0[0] })["k"] == "v")
    }

    @Test
    func `the process's level may change while it runs`() {
        let lines = Mutex<[String]>([])
        let handler = StandardErrorLog(role: "r") { line in lines.withLock { $0.append(line) } }
        let logger = Logger(label: "test") { _ in handler }
        logger.debug("not seen")
        ProcessLog.configure(level: "debug")
        logger.debug("seen")
        ProcessLog.configure(level: "nonsense")
        logger.debug("seen")
        ProcessLog.configure(level: "info")
        logger.debug("not seen")
        #expect(lines.withLock { $0.count } == 2)
        #expect(ProcessLog.requestLevel == .debug)
        ProcessLog.configure(logsRequests: true)
        #expect(ProcessLog.requestLevel == .info)
        ProcessLog.configure(logsRequests: false)
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

    @Test func momentsAreWrittenInUTC() {
        #expect(LogLine.utcTime(0) == "1970-01-01T00:00:00.000Z")
        #expect(LogLine.utcTime(1_709_164_799.5) == "2024-02-28T23:59:59.500Z")
    }
}
