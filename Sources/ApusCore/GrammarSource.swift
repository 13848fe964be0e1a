/// The languages that a request may write its grammar in.
package enum GrammarKind: UInt8, Sendable, CaseIterable {
    /// A JSON Schema.
    case json = 1
    case regex
    case ebnf
    case structuralTag

    /// As messages to clients call it.
    package var name: String {
        switch self {
        case .json: "json"
        case .regex: "regex"
        case .ebnf: "ebnf"
        case .structuralTag: "structural_tag"
        }
    }
}

/// What a request's output must obey, as the client wrote it. Equal sources make equal grammars, so that what is
/// compiled can be found again.
package struct GrammarSource: Sendable, Hashable {
    package var kind: GrammarKind
    package var text: String
    /// White space between the tokens of JSON, also inside structural tags.
    package var whitespace: JSONWhitespace

    package init(_ kind: GrammarKind, _ text: String, whitespace: JSONWhitespace = .upTo(JSONWhitespace.bound)) {
        self.kind = kind
        self.text = text
        self.whitespace = whitespace
    }
}

/// How much white space constrained JSON may have where JSON allows any.
package enum JSONWhitespace: Sendable, Hashable {
    /// None but what the compact form has.
    case none
    /// At most this many characters in a row.
    case upTo(Int)
    /// What this regular expression matches.
    case pattern(String)

    /// Most characters in a row unless the operator says otherwise. Without a bound a model that is sure of nothing
    /// else may write blanks until its tokens run out.
    package static let bound = 32
}
