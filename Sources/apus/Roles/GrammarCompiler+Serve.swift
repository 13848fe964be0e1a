import ApusConfiguration
import ApusCore
import ApusGrammar
import ApusScheduler
import ApusText

extension GrammarCompiler {
    /// For a model with `vocabularySize` rows of logits.
    convenience init(_ tokenizer: Tokenizer, vocabularySize: Int) {
        self.init { Self.vocabulary(of: tokenizer, size: vocabularySize) }
    }

    /// nil: the operator wants no grammars.
    static func compilation(
        _ given: ServeConfiguration, _ tokenizer: Tokenizer, vocabularySize: Int
    ) -> GrammarCompilation? {
        guard given.allowsGrammars else { return nil }
        let compiler = GrammarCompiler(tokenizer, vocabularySize: vocabularySize)
        return { source, limit throws(GrammarError) in try compiler.compile(source, limit: limit) }
    }

    /// Special tokens have no bytes: they are no text.
    private static func vocabulary(of tokenizer: Tokenizer, size: Int) -> Vocabulary {
        var vocabulary = Vocabulary()
        for id in 0..<Int32(size) {
            vocabulary.append(tokenizer.isSpecial(id) ? [] : tokenizer.tokenBytes(id) ?? [])
        }
        return vocabulary
    }
}
