package import ApusJSON
package import ApusJinja

/// A model's chat template: conversations to the text that the model was trained on.
package struct ChatTemplate: Sendable {
    /// Jinja source.
    package let source: String
    private let template: Template
    private let specialTokens: [String: Value]
    /// The template goes through the parts of a message's content itself; otherwise content must be one string.
    package let takesParts: Bool

    /// - Parameters:
    ///   - source: Jinja source.
    ///   - specialTokens: texts by name (`bos_token`), visible to the template as variables.
    /// - Throws: `TemplateError.syntax`.
    package init(source: String, specialTokens: [String: String]) throws {
        self.source = source
        template = try Template(source)
        self.specialTokens = specialTokens.mapValues { .string($0) }
        takesParts = template.iterates(over: "content")
    }

    /// Renders with the variables of one conversation (`messages`, `tools`, `add_generation_prompt`, …).
    ///
    /// - Parameter now: seconds since 1970, for `strftime_now`.
    /// - Throws: `TemplateError`.
    package func render(_ variables: [String: Value], now: Double) throws -> String {
        try template.render(specialTokens.merging(variables) { $1 }, now: now)
    }
}

extension Tokenizer {
    /// The folder's template of this name (`default` unless given), or nil if it has none.
    package func chatTemplate(named name: String? = nil) throws -> ChatTemplate? {
        try chatTemplates[name ?? "default"].map {
            try ChatTemplate(source: $0, specialTokens: namedSpecialTokens)
        }
    }
}

extension Value {
    /// The same value in the template language.
    package init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(Int(value))
        case .double(let value): self = .float(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .list(items.map { Value($0) })
        case .object(let object): self = .dictionary(Dictionary(object.map { ($0.key, Value($0.value)) }))
        }
    }
}
