import ApusJSON
import Hummingbird

/// `/v1/messages` and `/v1/messages/count_tokens`: chats in the words of Anthropic's Messages API. Keys are bearers here as
/// everywhere (`auth_token` of the `anthropic` package), not `x-api-key`.
struct AnthropicRoutes: Sendable {
    let service: FrontService

    private static let path = "/v1/messages"

    func add(to table: inout RouteTable) {
        let setting = ChatRequest.Setting(service)
        let messages = OpenAIRoute(service: service, dialect: .anthropic) { body throws(FrontError) in
            try MessagesRequest(body, setting)
        }
        table.add(
            Self.path, methods: [.post],
            about: RouteDocument(
                "Answer in a conversation, in the words of Anthropic", body: MessagesBody.rules, answer: .streamable),
            messages.respond)
        table.add(
            Self.path + "/count_tokens", methods: [.post],
            about: RouteDocument("Tokens of a conversation", body: MessagesBody.countRules)
        ) { request throws(FrontError) in
            do throws(FrontError) {
                return try await service.answer(request) { body throws(FrontError) in
                    let chat = try ChatRequest(MessagesBody.chat(body, rules: MessagesBody.countRules), setting)
                    return ["input_tokens": JSONValue(chat.native["input_ids"]?.arrayValue?.count ?? 0)]
                }
            } catch {
                throw error.anthropic
            }
        }
    }
}
