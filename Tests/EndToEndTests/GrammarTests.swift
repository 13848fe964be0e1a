import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// Constrained output of the bundled model.
    @Suite
    struct GrammarTests {
        private static let schema = """
            {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, \
            "age": {"type": "integer", "minimum": 0, "maximum": 120}, \
            "tags": {"type": "array", "items": {"enum": ["a", "bb"]}, "maxItems": 3}}, \
            "required": ["name", "age", "tags"], "additionalProperties": false}
            """

        private func body(_ grammar: String, _ text: String, seed: Int) -> JSONValue {
            [
                "text": "Answer: ",
                "sampling_params": [
                    "temperature": 1, "max_new_tokens": 400, "sampling_seed": JSONValue(seed),
                    grammar: .string(text),
                ],
            ]
        }

        @Test
        func `outputs obey their grammars and mistakes are refused`() throws {
            let port = Fixture.freePort()
            let server = Server(["serve", "--port", String(port)], port: port)
            try server.waitUntilHealthy()
            let client = HTTPClient(port: port)
            for seed in 0..<8 {
                let answer = try client.post("/generate", body("json_schema", Self.schema, seed: seed)).json()
                #expect(answer["meta_info"]?["finish_reason"]?["type"] == "stop", "\(answer)")
                let text = try #require(answer["text"]?.stringValue)
                let value = try JSONValue(parsing: text)
                #expect((value["name"]?.stringValue?.unicodeScalars.count ?? 99) <= 12, "\(text)")
                #expect((0...120).contains(value["age"]?.intValue ?? -1), "\(text)")
                #expect(value["tags"]?.arrayValue?.allSatisfy { ["a", "bb"].contains($0) } == true, "\(text)")
                #expect(value.objectValue?.count == 3, "\(text)")
                let word = try client.post("/generate", body("regex", "[a-z]{3}-[0-9]{4}", seed: seed)).json()
                #expect(word["text"]?.stringValue?.wholeMatch(of: /[a-z]{3}-[0-9]{4}/) != nil, "\(word)")
            }
            let wrong = try client.post("/generate", body("regex", "(a", seed: 0))
            #expect(wrong.status == 400 && wrong.text.contains("Failed to compile regex grammar"), "\(wrong.text)")
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
        }
    }
}
