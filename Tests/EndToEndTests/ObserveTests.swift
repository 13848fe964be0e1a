import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// What operators see of a server's work.
    @Suite
    struct ObserveTests {
        @Test
        func `metrics add up to what clients counted`() throws {
            let server = try Server.serving(Fixture.model("qwen2"), ["--enable-metrics"])
            let port = server.port
            let counts = Requests.concurrently(6) { client -> [Int] in
                var sums = [0, 0, 0]
                for round in 0..<3 {
                    let body = Requests.generate("Tell me about \(client) \(round)", tokens: 5 + round)
                    guard let meta = try? HTTPClient(port: port).post("/generate", body).json()["meta_info"] else {
                        continue
                    }
                    for (index, name) in ["prompt_tokens", "completion_tokens", "cached_tokens"].enumerated() {
                        sums[index] += meta[name]?.intValue ?? 0
                    }
                }
                return sums
            }
            let client = HTTPClient(port: port)
            // One client leaves in mid-stream.
            let left = try client.exchange("POST", "/generate", Requests.generate("Go on", tokens: 400, stream: true))
            _ = try left.readEvent()
            left.close()
            let page = try Fixture.eventually(
                {
                    try ExpositionFormat(parsing: client.get("/metrics").text)
                },
                until: { $0.sum("sglang:num_aborted_requests_total") == 1 && $0.value("sglang:num_running_reqs") == 0 })

            func total(_ index: Int) -> Double { Double(counts.reduce(0) { $0 + $1[index] }) }
            let wholes = ["is_streaming": "false"]
            #expect(page.value("sglang:num_requests_total", wholes) == 18)
            #expect(page.value("sglang:prompt_tokens_total", wholes) == total(0))
            #expect(page.value("sglang:generation_tokens_total", wholes) == total(1))
            #expect(page.value("sglang:generation_tokens_total", wholes) == Double(6 * (5 + 6 + 7)))
            #expect(page.sum("sglang:cached_tokens_total") >= total(2))
            #expect(page.value("sglang:num_requests_total", ["is_streaming": "true"]) == 1)
            #expect(page.value("sglang:e2e_request_latency_seconds_count", wholes) == 18)
            // What the scheduler counted by itself: the warm-up is in it, clients' requests are too.
            let computed = page.sum("sglang:realtime_tokens_total", ["mode": "prefill_compute"])
            #expect(computed + page.sum("sglang:realtime_tokens_total", ["mode": "prefill_cache"]) > total(0))
            let pool = ["kv_available_tokens", "kv_evictable_tokens", "kv_used_tokens"]
            #expect(pool.reduce(0) { $0 + page.sum("sglang:\($1)") } == page.value("sglang:max_total_num_tokens"))
            for component in ["tokenizer", "scheduler", "detokenizer"] {
                #expect(page.value("sglang:process_cpu_seconds_total", ["component": component]) ?? 0 > 0)
            }
            #expect(page.all("apus_process_resident_bytes").count == 3)

            if Shell.has("promtool"), Shell.has("curl") {
                let check = Shell.run("\(Fixture.package)/Tests/metrics http://127.0.0.1:\(port)")
                #expect(check.code == 0, "\(check.output)")
            }
        }

        @Test
        func `an id that comes in is found in the log of each process`() throws {
            let server = try Server.serving(
                Fixture.model("qwen2"),
                [
                    "--log-requests", "--log-format", "json", "--log-requests-format", "json",
                    "--slow-request-threshold", "0",
                ])
            var client = HTTPClient(port: server.port)
            client.headers = [
                "x-request-id": "order-66", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ]
            let answer = try client.post("/generate", Requests.generate("Hi", tokens: 4, stream: true))
            #expect(answer.headers["x-request-id"] == "order-66")
            let isSeen = Fixture.eventually { lines(of: server, role: "detokenizer").count == 1 }
            #expect(isSeen, "\(server.log)")
            for role in ["scheduler", "detokenizer"] {
                let lines = lines(of: server, role: role)
                #expect(!lines.isEmpty && lines.allSatisfy { $0["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736" })
            }
            let front = lines(of: server, role: "front")
            #expect(front.contains { $0["message"] == "access" && $0["target"] == "/generate" })
            let slow = try #require(front.first { $0["message"] == "slow request" })
            #expect(slow["prefill_seconds"] != nil && slow["decode_seconds"] != nil && slow["completion_tokens"] == "4")
            // Every line of every process is an object.
            for line in server.log.split(separator: "\n") {
                #expect(throws: Never.self) { try JSONValue(parsing: String(line)) }
            }
        }

        private func lines(of server: Server, role: String) -> [JSONValue] {
            server.log.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }.filter {
                $0["role"]?.stringValue == role && $0["request_id"] == "order-66"
            }
        }

        @Test
        func `spans of all processes reach a receiver`() throws {
            let receiver = SpanReceiver()
            let server = try Server.serving(
                Fixture.model("qwen2"),
                ["--enable-trace", "--otlp-traces-endpoint", "http://127.0.0.1:\(receiver.port)/v1/traces"])
            var client = HTTPClient(port: server.port)
            client.headers = ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
            _ = try client.post("/v1/completions", ["prompt": "Hi", "max_tokens": 4, "temperature": 0])
            let names = ["POST /v1/completions", "tokenize", "queue", "prefill", "decode", "detokenize"]
            func mine() -> [JSONValue] {
                receiver.spans.filter { $0["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" }
            }
            #expect(Fixture.eventually { mine().count == names.count }, "\(receiver.spans)")
            #expect(Set(mine().compactMap { $0["name"]?.stringValue }) == Set(names))
            let starts = Dictionary(
                uniqueKeysWithValues: mine().map {
                    ($0["name"]!.stringValue!, Int($0["startTimeUnixNano"]!.stringValue!)!)
                })
            for (earlier, later) in zip(names, names.dropFirst()) where later != "detokenize" {
                #expect(starts[earlier]! <= starts[later]!, "\(earlier) before \(later)")
            }
            server.signal(SIGTERM)
            #expect(server.wait() == 0)
        }
    }
}

/// Commands of this machine.
enum Shell {
    static func run(_ command: String) -> (code: Int32, output: String) {
        guard let pipe = popen("\(command) 2>&1", "r") else { return (-1, "") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { bytes += buffer[..<count] }
        return (pclose(pipe) >> 8, String(decoding: bytes, as: UTF8.self))
    }

    static func has(_ name: String) -> Bool { run("command -v \(name)").code == 0 }
}

/// A receiver of OTLP that takes everything.
private final class SpanReceiver: Sendable {
    let port: Int
    private let state = Synchronized<[JSONValue]>([])

    var spans: [JSONValue] { state.value }

    init() {
        let listener = HTTPClient.socket()
        var address = HTTPClient.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int in
                precondition(bind(listener, pointer, length) == 0 && listen(listener, 8) == 0, "no free port")
                getsockname(listener, pointer, &length)
                return Int(
                    UInt16(
                        bigEndian: UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port
                    ))
            }
        }
        let state = state
        // Runs as long as the tests do.
        _ = NamedThread("spans") {
            while case let client = accept(listener, nil, nil), client >= 0 {
                let body = Self.answer(client)
                let message = try? JSONValue(parsing: body)
                let spans = message?["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue ?? []
                state.change { $0 += spans }
            }
        }
    }

    /// Reads a request, says 200, and gives the body.
    private static func answer(_ client: Int32) -> [UInt8] {
        defer { close(client) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        var end: Int?
        while end == nil || bytes.count < end! {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            guard end == nil, let head = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).lowercased()
                .split(separator: "\r\n")
            let length = lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
            end = head.upperBound + length
            bytes.removeFirst(head.upperBound)
            end = length
        }
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".utf8)
        _ = send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
        return bytes
    }
}
