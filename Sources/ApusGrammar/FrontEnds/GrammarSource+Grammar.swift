package import ApusCore
import ApusJSON

extension GrammarSource {
    /// The grammar that the text describes. Sizes are bounded whatever the text is, and `limit` bounds the time.
    package func grammar(limit: CompilationLimit = CompilationLimit()) throws(GrammarError) -> Grammar {
        switch kind {
        case .regex: try RegexFrontEnd.grammar(text, limit)
        case .ebnf: try EBNFParser.grammar(text, limit)
        case .json: try SchemaFrontEnd.grammar(text, whitespace: whitespace, limit)
        case .structuralTag: try StructuralTagFrontEnd.grammar(text, whitespace: whitespace, limit)
        }
    }
}
