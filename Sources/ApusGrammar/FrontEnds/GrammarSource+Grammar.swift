package import ApusCore
import ApusJSON

extension GrammarSource {
    /// The grammar that the text describes. Time and memory are bounded whatever the text is.
    package func grammar() throws(GrammarError) -> Grammar {
        switch kind {
        case .regex: try RegexFrontEnd.grammar(text)
        case .ebnf: try EBNFParser.grammar(text)
        case .json: try SchemaFrontEnd.grammar(text, whitespace: whitespace)
        case .structuralTag: try StructuralTagFrontEnd.grammar(text, whitespace: whitespace)
        }
    }
}
