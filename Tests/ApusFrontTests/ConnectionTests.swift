import ApusCore
import ApusJSON
import ApusWire
import Hummingbird
import HummingbirdTesting
import Testing

@testable import ApusFront

/// What clients do to connections, over real sockets.
@Suite struct ConnectionTests {
    private func port(_ server: TestServer) throws -> Int { try #require(server.port) }

    @Test(arguments: [false, true])
    func aClientThatHangsUpEndsItsRequest(_ isStream: Bool) async throws {
        try await withFront(.live, script: FakeRing.silence) { server in
            let port = try port(server)
            let client = await onThread {
                let client = RawClient(port: port)
                client.sendGenerate(#"{"text":"abc","rid":"r","stream":\#(isStream)}"#)
                return Unchecked(client)
            }
            #expect(await server.ring.waits { $0.requests.count == 1 })
            let ringID = server.ring.requests[0].rid
            await onThread { client.value.hangUp() }
            #expect(await server.ring.waits { $0.aborted == [ringID] && $0.released == [ringID] })
            #expect(server.front.service.board.clientCount == 0)
            // The id is free at once, and late words for its first owner reach nobody.
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(server.ring.requests[0], 0..<1)])))
            server.ring.setScript(FakeRing.echo)
            let again = try await server.generate(["text": "z", "rid": "r", "sampling_params": ["max_new_tokens": 1]])
            #expect(again.json?["text"] == "z")
            #expect(again.json?["meta_info"]?["id"] == "r")
        }
    }

    @Test func everySampleOfALostClientEnds() async throws {
        try await withFront(.live, script: FakeRing.silence) { server in
            let port = try port(server)
            let client = await onThread {
                let client = RawClient(port: port)
                client.sendGenerate(#"{"text":["a","b","c"]}"#)
                return Unchecked(client)
            }
            #expect(await server.ring.waits { $0.requests.count == 3 })
            await onThread { client.value.hangUp() }
            #expect(await server.ring.waits { $0.aborted.count == 3 && Set($0.released) == Set($0.aborted) })
        }
    }

    /// Frames pass by the handlers that make chunks of them, while head and end do not: together they are one answer.
    @Test func streamsAreChunksOfWholeFrames() async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let body = #"{"text":"abc","stream":true,"sampling_params":{"max_new_tokens":40}}"#
            let answers = await onThread {
                let client = RawClient(port: port)
                let request =
                    "POST /generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                // A second one on the same connection finds it in order.
                return [0, 1].map { _ in
                    client.send(request)
                    return client.receive(until: "\r\n0\r\n\r\n")
                }
            }
            for answer in answers {
                let head = try #require(answer.firstRange(of: "\r\n\r\n"))
                #expect(answer[..<head.lowerBound].lowercased().contains("transfer-encoding: chunked"))
                // As bytes: to a string, the two of an end of line are one character.
                var rest = Array(answer[head.upperBound...].utf8)[...]
                var text = ""
                while let end = rest.firstIndex(of: UInt8(ascii: "\r")) {
                    let size = try #require(Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16))
                    let chunk = rest[(end + 2)...].prefix(size)
                    #expect(chunk.isEmpty || chunk.starts(with: "data: ".utf8))
                    text += String(decoding: chunk, as: UTF8.self)
                    rest = rest[(chunk.endIndex + 2)...]
                }
                #expect(rest.isEmpty)
                #expect(text.hasSuffix("data: [DONE]\n\n"))
                // The ring says all at once, so that some tokens share a frame.
                #expect(text.components(separatedBy: "data: {").count > 3)
                #expect(text.contains(#""completion_tokens":40"#))
            }
        }
    }

    /// HTTP/1.0 has no chunks: the end of the connection is the end of a stream.
    @Test(arguments: ["", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"], [true, false])
    func clientsOfHTTP10AreAnsweredInIt(header: String, isStream: Bool) async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let body = #"{"text":"abc","stream":\#(isStream),"sampling_params":{"max_new_tokens":40}}"#
            let (text, seconds) = await onThread {
                let client = RawClient(port: port)
                // One of the newer version goes before it on the same connection.
                client.sendGenerate(#"{"text":"z","stream":true,"sampling_params":{"max_new_tokens":1}}"#)
                let start = Clocks.monotonic()
                client.send(
                    "POST /generate HTTP/1.0\r\n\(header)Content-Type: application/json\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                return (client.receive(), Clocks.monotonic() - start)
            }
            let answers = text.components(separatedBy: "HTTP/1.0 200 OK\r\n")
            try #require(answers.count == 2 && seconds < 9, "\(text)")
            #expect(answers[0].hasPrefix("HTTP/1.1 200 OK\r\n") && answers[0].hasSuffix("\r\n0\r\n\r\n"))
            let parts = answers[1].components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 2)
            let head = parts[0].lowercased()
            #expect(!head.contains("transfer-encoding") && head.contains("connection: close"))
            #expect(head.contains("content-length") != isStream)
            #expect(parts[1].hasPrefix(isStream ? "data: {" : "{") && parts[1].contains(#""completion_tokens":40"#))
            #expect(parts[1].hasSuffix(isStream ? "}\n\ndata: [DONE]\n\n" : "}"))
        }
    }

    @Test func connectionsServeSeveralRequestsAlsoPipelined() async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let text = await onThread {
                let client = RawClient(port: port)
                let body = #"{"text":"a","sampling_params":{"max_new_tokens":1}}"#
                for _ in 0..<3 { client.sendGenerate(body) }
                client.send("GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return client.receive()
            }
            #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 5)
            #expect(text.contains(#""object":"list""#))
        }
    }

    @Test func oversizeBodiesAreRefusedBeforeTheyCome() async throws {
        try await withFront(.live, configure: { $0.bodyLimit = 1_000 }) { server in
            let port = try port(server)
            // A declared length is enough, however large.
            let declared = await onThread {
                let client = RawClient(port: port)
                client.send(
                    "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 99999999999\r\n\r\n")
                return client.receive(until: "}")
            }
            #expect(declared.hasPrefix("HTTP/1.1 413"))
            #expect(declared.contains(#""code":413"#))
            // Chunked bodies are counted.
            let counted = await onThread {
                let client = RawClient(port: port)
                client.send(
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n")
                for _ in 0..<20 { client.send("64\r\n\(String(repeating: "a", count: 100))\r\n") }
                return client.receive(until: "}")
            }
            #expect(counted.hasPrefix("HTTP/1.1 413"))
            let fitting = try await server.generate(["text": "a", "sampling_params": ["max_new_tokens": 1]])
            #expect(fitting.status == 200)
        }
    }

    @Test func clientsThatAskFirstAreToldToGoOn() async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let (interim, text) = await onThread {
                let client = RawClient(port: port)
                let body = #"{"prompt":"ab"}"#
                client.send(
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + "Expect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                let interim = client.receive(until: "\r\n\r\n")
                client.send(body)
                return (interim, client.receive(until: "}"))
            }
            #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
            #expect(text.hasPrefix("HTTP/1.1 200 OK"))
            #expect(text.contains(#""count":2"#))
        }
    }

    @Test func slowBodiesAreGivenUp() async throws {
        try await withFront(.live, configure: { $0.bodyTimeout = 0.2 }) { server in
            let port = try port(server)
            let text = await onThread {
                let client = RawClient(port: port)
                client.send(
                    "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
                )
                return client.receive()
            }
            #expect(text.hasPrefix("HTTP/1.1 408"))
        }
    }

    @Test(arguments: ["", "POST /gen", "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Le"])
    func halfARequestHoldsNoConnection(_ half: String) async throws {
        try await withFront(.live, configure: { $0.keepAlive = 0.2 }) { server in
            let port = try port(server)
            let start = Clocks.monotonic()
            let text = await onThread {
                let client = RawClient(port: port)
                client.send(half)
                return client.receive()
            }
            // Closed, with or without a word: nobody waits until the client's own patience ends.
            #expect((text.isEmpty || text.hasPrefix("HTTP/1.1 4")) && Clocks.monotonic() - start < 9)
            let other = await onThread {
                let client = RawClient(port: port)
                client.sendGenerate(#"{"text":"z","sampling_params":{"max_new_tokens":1}}"#)
                return client.receive(until: "}")
            }
            #expect(other.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func aClientThatHasSaidAllIsAnsweredOrForgotten() async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let text = await onThread {
                let client = RawClient(port: port)
                client.sendGenerate(#"{"text":"a","sampling_params":{"max_new_tokens":1}}"#)
                client.endSending()
                return client.receive()
            }
            // Half a connection is taken for a client that has gone, unless the answer was quicker.
            #expect(["HTTP/1.1 200", "HTTP/1.1 499"].contains { text.hasPrefix($0) }, "\(text)")
            #expect(await server.ring.waits { Set($0.released) == Set($0.requests.map(\.rid)) })
            #expect(server.front.service.board.clientCount == 0)
        }
    }

    @Test(arguments: [1, 2_000])
    func headersAreBounded(count: Int) async throws {
        try await withFront(.live) { server in
            let port = try port(server)
            let text = await onThread {
                let client = RawClient(port: port)
                client.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n")
                for index in 0..<count {
                    client.send("x-\(index): \(String(repeating: "a", count: 200_000 / count))\r\n")
                }
                client.send("\r\n")
                return client.receive(until: "\r\n\r\n")
            }
            #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 4"), "\(text)")
            let other = try await server.generate(["text": "z", "sampling_params": ["max_new_tokens": 1]])
            #expect(other.status == 200)
        }
    }

    @Test func allBodiesTogetherAreBounded() async throws {
        try await withFront(.live, configure: { $0.bodyBudget = 100 }) { server in
            let small: JSONValue = ["text": "a", "sampling_params": ["max_new_tokens": 1]]
            // The budget comes back with each request.
            for _ in 0..<5 { #expect(try await server.generate(small).status == 200) }
            let large = try await server.generate(["text": .string(String(repeating: "a", count: 200))])
            #expect(large.status == 503)
        }
    }

    @Test func aReaderThatStandsStillDelaysNobody() async throws {
        let script: FakeRing.Script = { request, ring in
            guard request.inputIDs.count > 1 else { return FakeRing.echo(request, ring) }
            for index in 0..<2_000 {
                ring.say(
                    .detokenizer(
                        .deltas([
                            FakeRing.delta(request, index..<index + 1, finish: index == 1_999 ? .length(2_000) : nil)
                        ])))
            }
        }
        try await withFront(.live, script: script) { server in
            let port = try port(server)
            let client = await onThread {
                let client = RawClient(port: port, receiveBuffer: 4_096)
                client.sendGenerate(#"{"text":"abcd","stream":true}"#)
                return Unchecked(client)
            }
            #expect(await server.ring.waits { $0.requests.count == 1 })
            // Another request is answered while the first one's reader sleeps.
            let other = try await server.generate(["text": "z", "sampling_params": ["max_new_tokens": 1]])
            #expect(other.json?["text"] == "z")
            #expect(await server.ring.waits { $0.released.count == 2 })
            let text = await onThread { client.value.receive(until: "data: [DONE]") }
            let frames = text.components(separatedBy: "data: ")
            #expect(frames.count < 2_000, "what the reader missed was merged")
            #expect(frames.last { $0.contains("finish_reason") }?.contains(#""completion_tokens":2000"#) == true)
        }
    }
}

/// Hands a client from one thread to the next.
struct Unchecked<Value>: @unchecked Sendable {
    // @unchecked: the value is used by one thread at a time, each after the one before has ended.
    let value: Value

    init(_ value: Value) { self.value = value }
}
