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
        table.add("/v1/completions", methods: [.post], completions.respond)

        let setting = ChatRequest.Setting(
            codec: codec, options: options,
            toolFormat: service.configuration.toolCallParser.flatMap { ToolCallFormat(named: $0) },
            reasoning: service.configuration.reasoningParser.flatMap { ReasoningParser(named: $0) })
        let chat = OpenAIRoute(service: service) { body throws(FrontError) in try ChatRequest(body, setting) }
        table.add("/v1/chat/completions", "/invocations", methods: [.post], chat.respond)
    }
}
