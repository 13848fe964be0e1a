import ApusJSON
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct RouteTests {
    @Test func unknownPathsAndWrongMethods() async throws {
        try await withFront(.live) { server in
            let unknown = try await server.get("/no/such/route")
            #expect(unknown.status == 404)
            #expect(unknown.json == ["detail": "Not Found"])
            #expect(try await server.get("/metrics").status == 404)
            for (method, path, allow) in [
                (HTTPRequest.Method.get, "/generate", "POST, PUT"), (.options, "/generate", "POST, PUT"),
                (.post, "/get_model_info", "GET"), (.post, "/health", "GET"), (.get, "/tokenize", "POST"),
                (.post, "/v1/models", "GET"),
            ] {
                let answer = try await server.send(method, path)
                #expect(answer.status == 405, "\(method) \(path)")
                #expect(answer.headers[.allow] == allow)
                #expect(answer.json == ["detail": "Method Not Allowed"])
            }
            #expect(try await server.send(.head, "/health").status == 405)
            #expect(try await server.send(.head, "/").status == 200)
            #expect(try await server.get("/").json == "SGLang is running")
        }
    }

    @Test func preflights() async throws {
        try await withFront(configure: { $0.access.apiKey = "k" }) { server in
            let method = try #require(HTTPField.Name("Access-Control-Request-Method"))
            let origin = try #require(HTTPField.Name("Access-Control-Allow-Origin"))
            let preflight = try await server.send(
                .options, "/generate", headers: [.origin: "http://a", method: "POST"])
            #expect(preflight.status == 200)
            #expect(preflight.text == "OK")
            #expect(preflight.headers[origin] == "http://a")
            #expect(try await server.send(.options, "/generate").status == 405)
            #expect(try await server.get("/health", headers: [.origin: "http://a"]).headers[origin] == "*")
        }
    }

    /// Each route that exists, by class, with each key, under each combination of keys.
    @Test func keys() async throws {
        for (apiKey, adminKey) in [(nil, nil), ("user", nil), (nil, "admin"), ("user", "admin")] as [(String?, String?)]
        {
            try await withFront(configure: {
                $0.access.apiKey = apiKey
                $0.access.adminAPIKey = adminKey
            }) { server in
                let routes = server.front.routes.routes.values.joined()
                #expect(routes.count > 50)
                for route in routes {
                    let isOpen = ["/health", "/ready", "/metrics"].contains { route.path.hasPrefix($0) }
                    let needed = route.access == .admin ? adminKey ?? apiKey : apiKey
                    for given in [nil, "user", "admin", "wrong", ""] as [String?] {
                        var headers = HTTPFields()
                        headers[.authorization] = given.map { "bearer \($0)" }
                        // A method that no route has: only the key is judged.
                        let status = try await server.send(.patch, route.path, headers: headers).status
                        let isAllowed = isOpen || needed == nil || given == needed
                        #expect(status == (isAllowed ? 405 : 401), "\(route.path) \(given ?? "-")")
                    }
                }
            }
        }
    }

    @Test func keysAreComparedWhole() {
        #expect(Authorization.areEqual("abc", "abc"))
        for other in ["", "ab", "abcd", "abcabc", "abd", "ABC"] { #expect(!Authorization.areEqual(other, "abc")) }
        #expect(!Authorization.areEqual("", ""))
        let authorization = Authorization(apiKey: "k", adminKey: nil)
        for header in ["k", "Basic k", "Bearer  k", "Bearer", "Bearer k ", "Bearerk"] {
            #expect(!authorization.allows(path: "/generate", method: .post, access: .normal, header: header))
        }
        #expect(authorization.allows(path: "/generate", method: .post, access: .normal, header: "BEARER k"))
        #expect(authorization.allows(path: "/healthy", method: .get, access: .normal, header: nil))
        #expect(!authorization.allows(path: "/nosuch", method: .get, access: .normal, header: nil))
    }

    @Test func whatComesLaterIsRefused() async throws {
        try await withFront { server in
            let update = try await server.post("/update_weights_from_tensor", ["model_path": "x"])
            #expect(update.status == 400)
            #expect(update.json?["success"] == false)
            #expect(
                update.json?["message"] == "/update_weights_from_tensor is not supported by this version yet.")
            let adapter = try await server.post("/load_lora_adapter", ["lora_name": "a", "lora_path": "b"])
            #expect(adapter.status == 400)
            #expect(adapter.json?["success"] == false && adapter.json?["loaded_adapters"] == .null)
            #expect(
                adapter.json?["error_message"]
                    == "LoRA is not enabled. Please set `--enable-lora` to enable LoRA.")
            let encode = try await server.post("/encode", ["text": "a"])
            #expect(
                encode.json == [
                    "error": [
                        "message": .string(
                            "This model does not appear to be an embedding model by default. Please add "
                                + "`--is-embedding` when launching the server or try another model.")
                    ]
                ])
        }
    }

    @Test func modelsAreListed() async throws {
        try await withFront(configure: { $0.servedModelName = "org/model" }) { server in
            let list = try await server.get("/v1/models").json
            #expect(list?["data"]?[0]?["id"] == "org/model")
            #expect(list?["data"]?[0]?["max_model_len"] == 128)
            #expect(try await server.get("/v1/models/org/model").json?["root"] == "org/model")
            #expect(try await server.get("/v1/models/org%2Fmodel").status == 200)
            let unknown = try await server.get("/v1/models/no/such")
            #expect(unknown.status == 404)
            #expect(
                unknown.json == [
                    "error": [
                        "message": "The model 'no/such' does not exist", "type": "invalid_request_error",
                        "param": "model", "code": "model_not_found",
                    ]
                ])
        }
    }

    @Test func textBecomesTokensAndBack() async throws {
        try await withFront { server in
            let tokens = try await server.post("/tokenize", ["prompt": "ab"])
            #expect(tokens.text == #"{"tokens":[97,98],"count":2,"max_model_len":4096}"#)
            let lists = try await server.post("/v1/tokenize", ["prompt": ["a", ""]])
            #expect(lists.text == #"{"tokens":[[97],[]],"count":[1,0],"max_model_len":4096}"#)
            #expect(try await server.post("/detokenize", ["tokens": [97, 98]]).text == #"{"text":"ab"}"#)
            #expect(try await server.post("/detokenize", ["tokens": []]).text == #"{"text":""}"#)
            #expect(try await server.post("/v1/detokenize", ["tokens": [[97], []]]).text == #"{"text":["a",""]}"#)
            #expect(try await server.post("/detokenize", ["tokens": [70_000]]).text == #"{"text":""}"#)
            for bad in [[-1], [4_294_967_296]] as [JSONValue] {
                let answer = try await server.post("/detokenize", ["tokens": bad])
                #expect(answer.status == 400)
                #expect(answer.json?["type"] == "DecodeError")
            }
            for (path, body) in [
                ("/detokenize", ["tokens": ["a"]]), ("/detokenize", ["tokens": [1, [2]]]), ("/detokenize", [:]),
                ("/tokenize", [:]), ("/tokenize", ["prompt": "a", "messages": []]),
            ] as [(String, JSONValue)] {
                let answer = try await server.post(path, body)
                #expect(answer.status == 400)
                #expect(answer.json?["type"] == "Bad Request")
            }
        }
    }
}
