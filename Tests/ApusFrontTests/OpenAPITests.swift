import ApusJSON
import HTTPTypes
import Testing

@testable import ApusFront

@Suite struct OpenAPITests {
    @Test func theDocumentNamesWhatIsServedAndNothingElse() async throws {
        try await withFront { server in
            let document = try #require(try await server.get("/openapi.json").json)
            #expect(document["openapi"] == "3.1.0")
            var described: Set<String> = []
            for path in try #require(document["paths"]?.objectValue) {
                for operation in path.value.objectValue ?? JSONObject() {
                    described.insert("\(operation.key.uppercased()) \(path.key)")
                    #expect(operation.value["summary"]?.stringValue?.isEmpty == false)
                    #expect(operation.value["responses"]?["200"] != nil)
                }
            }
            let table = server.front.routes
            var served: Set<String> = []
            for route in table.routes.values.joined() {
                for method in route.methods { served.insert("\(method.rawValue) \(route.path)") }
            }
            for route in table.prefixes { served.insert("GET \(route.path){id}") }
            #expect(described == served)
        }
    }

    /// Each route refuses a body without a member that the document calls required, and a value of another type, as
    /// a violation of the schema.
    @Test func membersAreCheckedAsTheDocumentSays() async throws {
        for isEmbedding in [false, true] {
            try await withFront(configure: { if isEmbedding { $0.embedding = EmbeddingTraits(width: 3) } }) { server in
                for route in server.front.routes.routes.values.joined() {
                    guard let rules = route.about.body, let method = route.methods.first(where: { $0 != .get }) else {
                        continue
                    }
                    for rule in rules {
                        // The other required members are there, so that only this one can be the reason.
                        var body = JSONObject()
                        for other in rules where other.isRequired && other.name != rule.name {
                            body[other.name] = Self.example(of: other.shape)
                        }
                        if rule.isRequired {
                            #expect(
                                try await Self.refusal(server, method, route.path, body)?.contains(rule.name) == true)
                        }
                        guard let wrong = Self.violation(of: rule.shape) else { continue }
                        body[rule.name] = wrong
                        let message = try await Self.refusal(server, method, route.path, body)
                        let isServed = Self.isServed(route.path, isEmbedding: isEmbedding)
                        #expect(
                            // The strict check of `/generate` names types, not members.
                            !isServed || message?.contains(rule.name) == true
                                || message?.contains("invalid type") == true,
                            "\(route.path) \(rule.name): \(message ?? "accepted")")
                    }
                }
            }
        }
    }

    @Test func schemasAcceptWhatShapesMatch() {
        #expect(FieldShape.integersOrLists.schema["anyOf"]?[1]?["items"]?["items"]?["type"] == "integer")
        #expect(SamplingFields.schema["anyOf"]?[0]?["additionalProperties"] == false)
        let properties = SamplingFields.schema["anyOf"]?[0]?["properties"]?.objectValue
        #expect(properties?.keys == SamplingFields.all.map(\.name))
    }

    /// Routes of models of the other kind may refuse before they look at the body.
    private static func isServed(_ path: String, isEmbedding: Bool) -> Bool {
        let vectors = [
            "/encode", "/classify", "/v1/embeddings", "/v1/classify", "/v1/rerank", "/v1/score", "/api/embed",
        ]
        return vectors.contains(path) == isEmbedding
    }

    /// The message with which a body is refused; nil: it is not.
    private static func refusal(
        _ server: TestServer, _ method: HTTPRequest.Method, _ path: String, _ body: JSONObject
    ) async throws -> String? {
        let answer = try await server.send(
            method, path, headers: [.contentType: "application/json"], raw: JSONValue.object(body).description)
        guard answer.status == 400 else { return nil }
        return answer.text
    }

    private static func example(of shape: FieldShape) -> JSONValue {
        switch shape {
        case .any, .string, .stringOrList: "a"
        case .bool, .boolOrList: true
        case .integer, .number, .integerOrList: 1
        case .object, .objectOrList: [:]
        case .integers, .integersOrLists: [1]
        case .array, .strings: ["a"]
        case .objects: [["role": "user", "content": "a"]]
        }
    }

    private static func violation(of shape: FieldShape) -> JSONValue? {
        switch shape {
        case .any: nil
        case .string, .stringOrList, .strings: 1
        default: "a"
        }
    }
}
