import ApusCore
import ApusJSON
import ApusWire
import Hummingbird
import HummingbirdTesting
import Testing

@testable import ApusFront

/// What happens when the other processes come, go or lose something.
@Suite struct RingTests {
    @Test(arguments: [false, true])
    func theEndOfTheSchedulerEndsItsRequests(_ isStream: Bool) async throws {
        try await withFront(script: FakeRing.silence) { server in
            async let pending = server.generate(["text": "abc", "stream": .bool(isStream)])
            #expect(await server.ring.waits { $0.requests.count == 1 })
            server.ring.becomeReady(epoch: 2)
            let answer = try await pending
            let error: JSONValue?
            if isStream {
                #expect(answer.frames.last == "[DONE]")
                error = answer.events.last?["error"]
            } else {
                #expect(answer.status == 503)
                error = answer.json
            }
            #expect(error?["code"] == 503)
            #expect(
                error?["message"] == "The scheduler ended while it served this request; try again.")
            // The next scheduler serves.
            server.ring.setScript(FakeRing.echo)
            let next = try await server.generate(["text": "a", "sampling_params": ["max_new_tokens": 1]])
            #expect(next.json?["text"] == "a")
            #expect(server.ring.requests.last?.schedulerEpoch == 2)
        }
    }

    @Test func aRestartedDetokenizerIsAnnouncedAndStreamsGoOn() async throws {
        try await withFront(script: FakeRing.silence) { server in
            async let pending = server.generate([
                "text": "abc", "stream": true, "sampling_params": ["max_new_tokens": 4],
            ])
            #expect(await server.ring.waits { $0.requests.count == 1 })
            let request = server.ring.requests[0]
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<2)])))
            server.ring.say(.detokenizer(.hello(detokenizerEpoch: 9, processID: 1)))
            #expect(await server.ring.waits { $0.received.contains(.detokenizerStarted(epoch: 9)) })
            // The stream begins again at its start, cut differently.
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<3)])))
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 3..<4, finish: .length(4))])))
            let answer = try await pending
            #expect(answer.events.last?["text"] == "abca")
            #expect(answer.events.last?["output_ids"] == [97, 98, 99, 97])
        }
    }

    @Test func aGapIsAskedForOnce() async throws {
        try await withFront(script: FakeRing.silence) { server in
            async let pending = server.generate(["text": "abc", "sampling_params": ["max_new_tokens": 4]])
            #expect(await server.ring.waits { $0.requests.count == 1 })
            let request = server.ring.requests[0]
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 1..<2), FakeRing.delta(request, 2..<3)])))
            #expect(await server.ring.waits { $0.received.contains(.resend(rids: [request.rid])) })
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<4, finish: .length(4))])))
            let answer = try await pending
            #expect(answer.json?["text"] == "abca")
            #expect(server.ring.received.count { $0 == .resend(rids: [request.rid]) } == 1)
        }
    }

    @Test func anEndingThatOnlyTheDetokenizerSawEndsTheScheduler() async throws {
        let script: FakeRing.Script = { request, ring in
            ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<2, finish: .stopString("c"))])))
        }
        try await withFront(script: script) { server in
            let answer = try await server.generate(["text": "abc", "sampling_params": ["stop": "c"]])
            #expect(answer.json?["meta_info"]?["finish_reason"] == ["type": "stop", "matched": "c"])
            let rid = server.ring.requests[0].rid
            #expect(await server.ring.waits { $0.aborted == [rid] && $0.released == [rid] })
        }
    }

    @Test func idsInFlightAreNotTakenTwiceAndAbortIsExact() async throws {
        try await withFront(script: FakeRing.silence) { server in
            async let first = server.generate(["text": "abc", "rid": "req", "stream": true])
            #expect(await server.ring.waits { $0.requests.count == 1 })
            let request = server.ring.requests[0]
            let second = try await server.generate(["text": "abc", "rid": "req"])
            #expect(second.json == ["error": ["message": "Duplicate request ID detected: req"]])
            for other in ["re", "req1", "", "nosuch"] {
                let answer = try await server.post("/abort_request", ["rid": .string(other)])
                #expect(answer.status == 200)
                #expect(answer.text.isEmpty)
            }
            #expect(server.ring.aborted.isEmpty)
            _ = try await server.post("/abort_request", ["rid": "req"])
            #expect(await server.ring.waits { $0.aborted == [request.rid] })
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<2, finish: .aborted)])))
            let answer = try await first
            #expect(
                answer.events.last?["meta_info"]?["finish_reason"]
                    == ["type": "abort", "message": "Aborted", "status_code": nil, "err_type": nil])
            _ = try await server.post("/abort_request", ["abort_all": true])
            #expect(await server.ring.waits { $0.received.contains(.abort(.everything)) })
            #expect(try await server.post("/abort_request", ["rid": 5]).json?["type"] == "Bad Request")
        }
    }

    @Test func anAbortInTheQueue() async throws {
        let script: FakeRing.Script = { request, ring in
            let finish = FinishReason.abort(message: "Abort in waiting queue", status: nil, kind: nil)
            ring.say(.scheduler(.ended([EndedRequest(rid: request.rid, finish: finish)])))
        }
        try await withFront(script: script) { server in
            let answer = try await server.generate(["text": "abc"])
            #expect(answer.status == 200)
            #expect(answer.json?["text"] == "")
            #expect(answer.json?["output_ids"] == [])
            #expect(
                answer.json?["meta_info"]?["finish_reason"] == ["type": "abort", "message": "Abort in waiting queue"])
        }
    }

    @Test func healthNeedsASignOfBoth() async throws {
        try await withFront(configure: { $0.healthTimeout = 2 }) { server in
            for path in ["/health", "/health_generate", "/ready", "/ping"] {
                let answer = try await server.get(path)
                #expect(answer.status == 200)
                #expect(answer.text.isEmpty)
            }
            #expect(
                !server.ring.requests.isEmpty
                    && server.ring.requests.allSatisfy { $0.isHealthCheck && $0.rid.hasPrefix("HEALTH_CHECK_") })
            #expect(await server.ring.waits { Set($0.released) == Set($0.requests.map(\.rid)) })
            server.ring.stop()
            // What was heard just before does not count.
            #expect(try await server.get("/health_generate").status == 503)
            server.ring.start()
            #expect(try await server.get("/health").status == 200)
            server.front.service.setDraining()
            for path in ["/health", "/ready"] { #expect(try await server.get(path).status == 503) }
        }
    }

    @Test func healthCanBeShallow() async throws {
        try await withFront(configure: { $0.healthGenerates = false }) { server in
            let answer = try await server.get("/health")
            #expect(answer.status == 200)
            #expect(server.ring.requests.isEmpty)
        }
    }

    @Test func theCacheIsFlushed() async throws {
        try await withFront { server in
            for method in [HTTPRequest.Method.get, .post] {
                let answer = try await server.send(method, "/flush_cache?timeout=1.5")
                #expect(answer.status == 200)
                #expect(answer.text.hasPrefix("Cache flushed.\n"))
            }
            #expect(server.ring.received.contains { if case .flushCache(_, 1.5) = $0 { true } else { false } })
            for bad in ["-1", "x", "nan"] {
                let answer = try await server.send(.post, "/flush_cache?timeout=\(bad)")
                #expect(answer.status == 400)
                #expect(answer.json?["type"] == "Bad Request")
            }
        }
    }

    @Test func informationHasTheKeysThatClientsAssert() async throws {
        try await withFront(configure: {
            $0.access.apiKey = "user"
            $0.access.adminAPIKey = "admin"
            $0.launchCommand = "apus serve --api-key user --admin-api-key admin"
            $0.serverArguments = [
                "model_path": "m", "context_length": nil, "api_key": "user", "admin_api_key": "admin",
            ]
        }) { server in
            let model = try await server.get("/get_model_info", headers: [.authorization: "Bearer user"]).json
            #expect(
                model?.objectValue?.keys == [
                    "model_path", "tokenizer_path", "is_generation", "preferred_sampling_params", "weight_version",
                    "has_image_understanding", "has_audio_understanding", "model_type", "architectures",
                ])
            let answer = try await server.get("/get_server_info", headers: [.authorization: "Bearer user"])
            let info = answer.json
            #expect(info?["status"] == "ready")
            #expect(info?["context_length"] == .null)
            #expect(info?["dtype"] == "bfloat16")
            #expect(info?["max_total_num_tokens"] == 1024)
            #expect(info?["startup_time"]?["load_weight"] == 0.5)
            let state = info?["internal_states"]?[0]
            #expect(state?["effective_max_running_requests_per_dp"] == 8)
            #expect(state?["memory_usage"]?["token_capacity"] == 1024)
            #expect(state?["last_gen_throughput"] == 12.5)
            #expect(!answer.text.contains("user") && !answer.text.contains("admin\""))
        }
    }
}
