import ApusCore
import ApusJSON
import ApusWire
import Testing

@testable import ApusFront

@Suite struct SessionTests {
    @Test func aSessionGoesOnFromItsTurns() async throws {
        try await withFront { server in
            func say(_ text: String, rid: String, _ place: JSONObject) async throws -> [Int32] {
                var place = place
                place["id"] = "s"
                let answer = try await server.generate([
                    "text": .string(text), "rid": .string(rid), "session_params": .object(place),
                    "sampling_params": ["max_new_tokens": 2],
                ])
                #expect(answer.status == 200, "\(answer.text)")
                return try #require(server.ring.requests.last?.inputIDs)
            }
            let opened = try await server.post("/open_session", ["capacity_of_str_len": 10, "session_id": "s"])
            #expect(opened.json == "s")
            // The echo answers a prompt with its own first tokens.
            #expect(try await say("ab", rid: "1", [:]) == Array("ab".utf8).map(Int32.init))
            #expect(try await say("c", rid: "2", ["rid": "1"]) == Array("ababc".utf8).map(Int32.init))
            #expect(
                try await say("d", rid: "3", ["rid": "1", "drop_previous_output": true])
                    == Array("abd".utf8).map(Int32.init))
            #expect(try await say("e", rid: "4", ["rid": "1", "offset": 3]) == Array("abae".utf8).map(Int32.init))
            #expect(try await say("f", rid: "5", ["rid": "2"]) == Array("ababcabf".utf8).map(Int32.init))
            // What followed the first turn goes, and its place is taken.
            #expect(
                try await say("g", rid: "6", ["rid": "1", "replace": true]) == Array("ababg".utf8).map(Int32.init))
            for gone in ["2", "3", "4", "5"] {
                let answer = try await server.generate([
                    "text": "x", "session_params": ["id": "s", "rid": .string(gone)],
                ])
                #expect(answer.json == ["error": ["message": "Invalid request session id"]])
            }
            let alone = try await server.generate([
                "input_ids": [], "session_params": ["id": "s", "rid": "6"], "sampling_params": ["max_new_tokens": 0],
            ])
            #expect(alone.json?["meta_info"]?["prompt_tokens"] == 7)

            #expect(try await server.post("/close_session", ["session_id": "s"]).text.isEmpty)
            #expect(try await server.post("/close_session", ["session_id": "s"]).status == 200)
            let late = try await server.generate(["text": "x", "session_params": ["id": "s", "rid": "6"]])
            #expect(late.json == ["error": ["message": "Invalid request: session id s does not exist"]])
        }
    }

    @Test func aTurnThatStillRunsIsWaitedForOrReplaced() async throws {
        try await withFront(script: FakeRing.silence) { server in
            _ = try await server.post("/open_session", ["capacity_of_str_len": 10, "session_id": "s"])
            let running = Task {
                try await server.generate(["text": "ab", "rid": "1", "session_params": ["id": "s"]])
            }
            #expect(await server.ring.waits { $0.requests.count == 1 })
            let early = try await server.generate(["text": "c", "session_params": ["id": "s", "rid": "1"]])
            #expect(
                early.json == [
                    "error": ["message": "Session request is appending to a request that hasn't finished."]
                ])
            server.ring.setScript(FakeRing.echo)
            let next = try await server.generate(
                [
                    "text": "c", "session_params": ["id": "s", "rid": "1", "replace": true],
                    "sampling_params": ["max_new_tokens": 1],
                ])
            #expect(next.status == 200)
            #expect(await server.ring.waits { $0.aborted.count == 1 })
            let first = try #require(server.ring.requests.first)
            server.ring.say(.detokenizer(.deltas([FakeRing.delta(first, 0..<0, finish: .aborted)])))
            #expect(try await running.value.json?["meta_info"]?["finish_reason"]?["type"] == "abort")
        }
    }

    @Test func idsAreGivenOrMade() async throws {
        try await withFront { server in
            let made = try await server.post("/open_session", ["capacity_of_str_len": 10]).json?.stringValue
            #expect(made?.count == 32)
            let again = try await server.post(
                "/open_session", ["capacity_of_str_len": 10, "session_id": JSONValue(made)])
            #expect(
                again.json == [
                    "error": [
                        "message": "Failed to open the session. Check if a session with the same id is still open."
                    ]
                ])
            let bare = try await server.post("/open_session", [:])
            #expect(bare.status == 400 && bare.json?["type"] == "Bad Request")
            let streaming = try await server.post("/open_session", ["capacity_of_str_len": 1, "streaming": true])
            #expect(streaming.status == 400)
        }
    }

    @Test func aSessionClosesAfterItsTime() throws {
        let table = SessionTable()
        let id = try table.open(nil, timeout: 0)
        #expect(throws: FrontError.refused("Invalid request: session id \(id) does not exist")) {
            _ = try table.history(before: [1], at: SessionPlace(["id": .string(id)]), startToken: nil)
        }
        #expect(try table.open(id, timeout: nil) == id)
    }

    @Test func onlyTheFirstTextKeepsItsStart() throws {
        let table = SessionTable()
        let id = try table.open("s", timeout: nil)
        let first = SessionTurn(
            rid: "1", prompt: [7, 8], at: try SessionPlace(["id": .string(id)]), meter: table.meter)
        #expect(table.enter(first).isEmpty)
        first.append([9])
        #expect(table.meter.count == 3)
        first.finish()
        let place = try SessionPlace(["id": .string(id), "rid": "1"])
        #expect(try table.history(before: [7, 5], at: place, startToken: 7) == [7, 8, 9, 5])
        #expect(try table.history(before: [7, 5], at: SessionPlace(["id": .string(id)]), startToken: 7) == [7, 5])
    }
}
