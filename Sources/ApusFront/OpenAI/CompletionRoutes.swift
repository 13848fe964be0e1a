import ApusCore
import ApusJSON
import HTTPTypes

/// The OpenAI-style routes that generate.
struct CompletionRoutes: Sendable {
    let service: FrontService

    func add(to table: inout RouteTable) {
        let options = service.configuration.openAI
        let codec = service.codec
        let completions = OpenAIRoute(service: service) { body throws(FrontError) in
            try CompletionRequest(body, options: options, codec: codec)
        }
        table.add(
            "/v1/completions", methods: [.post],
            about: RouteDocument("Continue a prompt", body: CompletionRequest.rules, answer: .streamable),
            completions.respond)

        let setting = ChatRequest.Setting(service)
        let chat = OpenAIRoute(service: service) { body throws(FrontError) in try ChatRequest(body, setting) }
        let responses = OpenAIRoute(service: service, dialect: .responses) { body throws(FrontError) in
            try ResponsesRequest(body, setting)
        }
        table.add(
            "/v1/responses", methods: [.post],
            about: RouteDocument("Answer in items; nothing is stored", body: ResponsesBody.rules, answer: .streamable),
            responses.respond)
        table.add(
            "/v1/chat/completions", "/invocations", methods: [.post],
            about: RouteDocument("Answer in a conversation", body: ChatRequest.rules, answer: .streamable),
            chat.respond)
    }
}
