import ApusCore
import ApusJSON
import ApusWire
import Testing

@testable import ApusFront

/// Operators' routes for weights, pauses and memory: what is asked of the scheduler, and the contract's answers.
@Suite struct WeightRouteTests {
    @Test(arguments: ["/update_weights_from_disk", "/update_weights"])
    func updates(path: String) async throws {
        try await withFront { server in
            server.ring.setReply { _ in .done(message: "Succeeded to update model weights.") }
            let short = try await server.post(path, ["model_path": "models/new", "manifest": ["any": 1]])
            #expect(short.status == 200)
            #expect(
                short.text
                    == #"{"success":true,"message":"Succeeded to update model weights.","num_paused_requests":0}"#)
            _ = try await server.post(
                path,
                [
                    "model_path": "b", "load_format": "safetensors", "abort_all_requests": true,
                    "weight_version": "v2", "flush_cache": false, "keep_pause": true, "is_async": false,
                    "torch_empty_cache": false, "recapture_cuda_graph": true, "token_step": 3,
                ])
            #expect(
                server.ring.controls == [
                    .updateWeights(WeightUpdate(path: "models/new")),
                    .updateWeights(
                        WeightUpdate(path: "b", format: "safetensors", version: "v2", flushesCache: false)),
                ])
            // Everything ends before the update is asked for.
            let received = server.ring.received
            let abort = try #require(received.firstIndex(of: .abort(.everything)))
            #expect(received[(abort + 1)...].contains { if case .control = $0 { true } else { false } })

            server.ring.setReply { _ in .failed(message: "Failed to get weights iterator: x (repository not found).") }
            let failed = try await server.post(path, ["model_path": "x"])
            #expect(failed.status == 400)
            #expect(
                failed.text
                    == #"{"success":false,"message":"Failed to get weights iterator: x (repository not found).","#
                    + #""num_paused_requests":0}"#)
        }
    }

    @Test func fieldsAreChecked() async throws {
        try await withFront { server in
            let wrong: [(String, JSONValue)] = [
                ("/update_weights_from_disk", [:]), ("/update_weights_from_disk", ["model_path": 1]),
                ("/update_weights_from_disk", ["model_path": "a", "flush_cache": "no"]),
                ("/update_weight_version", [:]), ("/update_weight_version", ["new_version": 2]),
                ("/get_weights_by_name", [:]), ("/get_weights_by_name", ["name": "a", "truncate_size": "b"]),
                ("/pause_generation", ["mode": "soon"]), ("/pause_generation", ["mode": 1]),
                ("/continue_generation", ["torch_empty_cache": 1]),
                ("/release_memory_occupation", ["tags": "weights"]), ("/resume_memory_occupation", ["tags": [1]]),
            ]
            for (path, body) in wrong {
                let answer = try await server.post(path, body)
                #expect(answer.status == 400, "\(path) \(body)")
                #expect(answer.json?["object"] == "error" && answer.json?["type"] == "Bad Request", "\(path)")
            }
            #expect(server.ring.controls.isEmpty)
        }
    }

    /// What the front says of the model follows the scheduler's word, and the old scheduler's word goes with it.
    @Test func namesFollowTheWeights() async throws {
        try await withFront { server in
            server.ring.becomeReady(epoch: 1, weightVersion: "v2", modelPath: "models/new")
            #expect(
                await server.ring.waits { _ in server.front.service.monitor.ring.ready?.weightVersion == "v2" })
            for path in ["/get_model_info", "/model_info", "/get_server_info"] {
                let info = try await server.get(path).json
                #expect(info?["model_path"] == "models/new" && info?["weight_version"] == "v2", "\(path)")
                #expect(info?["tokenizer_path"] == nil || info?["tokenizer_path"] == "models/tiny")
            }
            #expect(try await server.get("/model_info").json?["served_model_name"] == "models/new")
            #expect(try await server.get("/v1/models").json?["data"]?[0]?["id"] == "models/new")
            #expect(try await server.get("/v1/models/models/new").status == 200)
            #expect(try await server.get("/v1/models/tiny").status == 404)
            server.ring.becomeReady(epoch: 2)
            #expect(
                await server.ring.waits { _ in server.front.service.monitor.ring.ready?.schedulerEpoch == 2 })
            #expect(try await server.get("/v1/models").json?["data"]?[0]?["id"] == "tiny")
        }
    }

    @Test func answersNameTheirWeights() async throws {
        try await withFront(script: { request, ring in
            var first = FakeRing.delta(request, 0..<3)
            first.usage.weights = [WeightSpan(version: "a", start: 0)]
            var last = FakeRing.delta(request, 3..<5, finish: .length(5))
            last.usage.weights = [
                WeightSpan(version: "a", start: 0), WeightSpan(version: "b", start: 3),
                WeightSpan(version: "c", start: 5),
            ]
            ring.say(.detokenizer(.deltas([first])))
            ring.say(.detokenizer(.deltas([last])))
        }) { server in
            let body: JSONValue = ["text": "abc", "sampling_params": ["max_new_tokens": 5]]
            let meta = try await server.generate(body).json?["meta_info"]
            #expect(meta?["weight_version"] == "b")
            #expect(
                meta?["weight_versions"] == [
                    ["version": "a", "start": 0, "end": 3], ["version": "b", "start": 3, "end": 5],
                ])
        }
    }

    @Test func versionsAndRows() async throws {
        try await withFront { server in
            server.ring.setReply { call in
                switch call {
                case .nameWeights(let version): .done(message: "Weight version updated to \(version)")
                case .readWeights("nosuch", _): .failed(message: "Get parameter by name failed")
                default: .rows(json: "[[1.5,2.0]]")
                }
            }
            let named = try await server.post("/update_weight_version", ["new_version": "v2"])
            #expect(named.text == #"{"success":true,"message":"Weight version updated to v2","new_version":"v2"}"#)
            #expect(server.ring.received.contains(.abort(.everything)))
            let rows = try await server.post("/get_weights_by_name", ["name": "w", "truncate_size": 4])
            #expect(rows.status == 200 && rows.text == "[[1.5,2.0]]")
            let missing = try await server.post("/get_weights_by_name", ["name": "nosuch"])
            #expect(missing.status == 400 && missing.json == ["error": ["message": "Get parameter by name failed"]])
            #expect(
                server.ring.controls.dropFirst() == [
                    .readWeights(name: "w", rowCount: 4), .readWeights(name: "nosuch", rowCount: 100),
                ])
        }
    }

    @Test func pausesAndMemory() async throws {
        try await withFront { server in
            server.ring.setReply { _ in .done(message: "said") }
            for (path, body) in [
                ("/pause_generation", [:]), ("/pause_generation", ["mode": "retract"]),
                ("/pause_generation", ["mode": "in_place"]), ("/continue_generation", ["torch_empty_cache": true]),
            ] as [(String, JSONValue)] {
                let answer = try await server.post(path, body)
                #expect(answer.status == 200 && answer.text == #"{"message":"said","status":"ok"}"#)
            }
            for (path, tags) in [
                ("/release_memory_occupation", nil), ("/release_memory_occupation", ["weights", "cuda_graph"]),
                ("/resume_memory_occupation", ["kv_cache"]), ("/release_memory_occupation", ["nosuch"]),
            ] as [(String, JSONValue?)] {
                let answer = try await server.post(path, tags.map { ["tags": $0] } ?? [:])
                #expect(answer.status == 200 && answer.json == .null)
            }
            #expect(try await server.get("/release_memory_occupation").json == .null)
            #expect(
                server.ring.controls == [
                    .pause(.abort), .pause(.retract), .pause(.inPlace), .proceed,
                    .releaseMemory(MemoryParts(kvCache: true, weights: true)),
                    .releaseMemory(MemoryParts(kvCache: false, weights: true)),
                    .resumeMemory(MemoryParts(kvCache: true, weights: false)),
                    .releaseMemory(MemoryParts(kvCache: true, weights: true)),
                ])
            #expect(server.ring.received.filter { $0 == .abort(.everything) }.count == 1)
            server.ring.setReply { _ in .failed(message: "busy") }
            let busy = try await server.post("/release_memory_occupation", [:])
            #expect(busy.status == 400 && busy.json == ["success": false, "message": "busy"])
        }
    }

    @Test func aPausedServerLivesAndIsNotReady() async throws {
        try await withFront { server async throws in
            #expect(try await server.get("/ready").status == 200)
            server.ring.becomeReady(epoch: 1, isPaused: true)
            #expect(await server.ring.waits { _ in server.front.service.monitor.ring.ready?.isPaused == true })
            #expect(try await server.get("/ready").status == 503)
            #expect(try await server.get("/ping").status == 200)
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func aSchedulerThatEndsLeavesNobodyWaiting() async throws {
        try await withFront { server in
            server.ring.setReply { _ in nil }
            async let pending = server.post("/update_weights", ["model_path": "a"])
            #expect(await server.ring.waits { !$0.controls.isEmpty })
            server.front.service.monitor.schedulerExited()
            let answer = try await pending
            #expect(answer.status == 503)
        }
    }
}
