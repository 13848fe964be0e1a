import ApusJSON

/// What `/openapi.json` says about a route besides what its path, methods and class say.
struct RouteDocument: Sendable {
    enum Answer: Sendable {
        case json
        case text
        case nothing
        /// JSON, or server-sent events when the body asks for a stream.
        case streamable
        /// JSON, or JSON lines.
        case lines
    }

    /// A parameter of the query, all optional.
    struct Query: Sendable {
        let name: String
        let shape: FieldShape
    }

    let summary: String
    /// The members that the handler checks; nil: there is no body.
    let body: [FieldRule]?
    /// The handler can do without a body.
    let bodyIsOptional: Bool
    let query: [Query]
    let answer: Answer
    /// Schemas of members of which more is checked than the rules' shapes.
    let members: [String: JSONValue]

    init(
        _ summary: String, body: [FieldRule]? = nil, bodyIsOptional: Bool = false, query: [Query] = [],
        answer: Answer = .json, members: [String: JSONValue] = [:]
    ) {
        self.summary = summary
        self.body = body
        self.bodyIsOptional = bodyIsOptional
        self.query = query
        self.answer = answer
        self.members = members
    }
}
