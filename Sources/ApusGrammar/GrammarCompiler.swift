package import ApusCore
import Synchronization

/// Compiles grammars for one vocabulary. Any thread may ask.
package final class GrammarCompiler: Sendable {
    private let vocabulary: @Sendable () -> Vocabulary
    private let trie = Mutex<TokenTrie?>(nil)

    /// `vocabulary` is asked once, when first needed: sorting a large one takes a fraction of a second.
    package init(vocabulary: @escaping @Sendable () -> Vocabulary) {
        self.vocabulary = vocabulary
    }

    /// Does now what the first grammar would wait for.
    package func prepare() { _ = preparedTrie() }

    package func compile(_ source: GrammarSource, limit: CompilationLimit) throws(GrammarError) -> CompiledGrammar {
        let grammar = try source.grammar(limit: limit)
        try limit.check()
        return try CompiledGrammar(grammar, trie: preparedTrie(), limit: limit)
    }

    private func preparedTrie() -> TokenTrie {
        trie.withLock { trie in
            if let trie { return trie }
            let made = TokenTrie(vocabulary())
            trie = made
            return made
        }
    }
}
