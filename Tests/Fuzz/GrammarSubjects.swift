import ApusCore

@testable import ApusGrammar

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A grammar must be refused or compiled in the time that it is given, and what its masks allow must be readable.
func fuzzGrammar(_ kind: GrammarKind, _ bytes: UnsafeRawBufferPointer) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    // Of the processor: the machine may have other work.
    let started = clock()
    let limit = CompilationLimit(seconds: 0.5, states: 20_000)
    defer { precondition(clock() - started < 5 * CLOCKS_PER_SEC, "it took too long") }
    guard let grammar = try? GrammarSource(kind, text, whitespace: .upTo(2)).grammar(limit: limit),
        let compiled = try? CompiledGrammar(grammar, trie: letters, limit: limit)
    else { return }
    let matcher = GrammarMatcher(compiled, endTokens: [0])
    var random = SplitMix64(seed: UInt64(bytes.count))
    for _ in 0..<32 {
        let mask = matcher.mask
        let allowed = (0..<Int32(mask.tokenCount)).filter { mask[$0] }
        precondition(!allowed.isEmpty || matcher.isOverwhelmed, "a text that cannot go on")
        guard let token = allowed.randomElement(using: &random) else { return }
        precondition(matcher.accept(token) || matcher.isOverwhelmed, "token \(token) was allowed")
        if matcher.hasEnded { return }
    }
}

/// A token ends the text, one stands for each byte, and some for more.
private let letters = TokenTrie(
    Vocabulary(
        [[]] + (0...UInt8.max).map { [$0] }
            + ["\", \"", "true", "{\"", "00", "a-b", "\u{e9}\u{e9}"].map { Array($0.utf8) }))
