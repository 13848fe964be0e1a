import ApusTestSupport
import Testing

@testable import ApusGrammar

@Suite struct MatcherTests {
    private static let letters = TokenTrie(Vocabulary((0...255).map { [UInt8($0)] }))

    private func compiled(
        _ grammar: Grammar, expansion: Int = MachineBuilder.heaviestExpansion, trie: TokenTrie = letters
    ) throws -> CompiledGrammar? {
        do throws(GrammarError) {
            let automaton = try AutomatonBuilder.automaton(
                of: grammar, limit: CompilationLimit(), heaviestExpansion: expansion)
            return CompiledGrammar(automaton, trie: trie)
        } catch {
            guard case .invalid(let reason) = error else { throw error }
            #expect(reason == "no text satisfies it" || reason.contains("left recursion"))
            return nil
        }
    }

    private func accepts(_ grammar: CompiledGrammar, _ text: [UInt8]) -> Bool {
        let matcher = GrammarMatcher(grammar, endTokens: [])
        return matcher.read(text) && matcher.mayEnd
    }

    private func body(_ expression: GrammarExpression) -> Grammar {
        var grammar = Grammar()
        grammar.define(grammar.root, as: expression)
        return grammar
    }

    // MARK: - Texts

    @Test func agreesWithTheReference() throws {
        var refused = 0
        for seed in UInt64(0)..<300 {
            var grammars = RandomGrammars(seed: seed)
            let grammar = grammars.grammar()
            let texts = (0..<40).map { _ in grammars.text() }
            guard let made = try compiled(grammar, expansion: seed % 2 == 0 ? 512 : 0) else {
                refused += 1
                continue
            }
            for text in texts + [[]] {
                #expect(
                    accepts(made, text) == ReferenceRecogniser.accepts(grammar, text), "seed \(seed), text \(text)")
            }
        }
        #expect(refused < 100)
    }

    @Test func aGrammarThatAcceptsNothingIsRefused() {
        for expression in [.never, .sequence([.text("a"), .never]), .textWithout([[]])] as [GrammarExpression] {
            #expect(throws: GrammarError.invalid("no text satisfies it")) {
                try AutomatonBuilder.automaton(of: body(expression), limit: CompilationLimit())
            }
        }
        var endless = Grammar()
        endless.define(endless.root, as: .sequence([.text("a"), .rule(endless.root)]))
        #expect(throws: GrammarError.invalid("no text satisfies it")) {
            try AutomatonBuilder.automaton(of: endless, limit: CompilationLimit())
        }
    }

    @Test func leftRecursionIsWrittenOut() throws {
        // expression = expression "+" term | term; term = term "*" "x" | "x" | "(" expression ")"
        var grammar = Grammar()
        let term = grammar.declare("term")
        grammar.define(
            grammar.root, as: .choice([.sequence([.rule(grammar.root), .text("+"), .rule(term)]), .rule(term)]))
        grammar.define(
            term,
            as: .choice([
                .sequence([.rule(term), .text("*x")]), .text("x"),
                .sequence([.text("("), .rule(grammar.root), .text(")")]),
            ]))
        let made = try #require(try compiled(grammar))
        for text in ["x", "x+x", "x*x+x*x*x", "(x+x)*x", "((x))+x"] {
            #expect(accepts(made, Array(text.utf8)), "\(text)")
        }
        for text in ["", "+x", "x+", "x**x", "(x", "x)", "()"] { #expect(!accepts(made, Array(text.utf8)), "\(text)") }
        let loop = body(.repetition(.sequence([.optional(.text("a")), .rule(grammar.root)]), min: 2, max: 1000))
        #expect(throws: GrammarError.self) { try AutomatonBuilder.automaton(of: loop, limit: CompilationLimit()) }
    }

    @Test func countsUpToTenThousandTakeNoStates() throws {
        let made = try #require(try compiled(body(.repetition(.scalars(.all), min: 3, max: 10_000))))
        #expect(made.automaton.states.count < 40)
        let matcher = GrammarMatcher(made, endTokens: [])
        for count in 1...10_000 {
            #expect(matcher.read(Array("é".utf8)) && matcher.mayEnd == (count >= 3), "\(count)")
        }
        #expect(!matcher.mayContinue && !matcher.read([0x61]))
        // Ambiguous: any number from half as many to as many rounds.
        let twice = try #require(
            try compiled(
                body(.repetition(.choice([.text("a"), .text("aa"), .scalars(.all)]), min: 100, max: 400))))
        for (count, isAccepted) in [(99, false), (100, true), (800, true), (801, false)] {
            #expect(accepts(twice, Array(repeating: 0x61, count: count)) == isAccepted, "\(count)")
        }
    }

    @Test func listsThatEndWithThemselvesNeedNoDeeperStack() throws {
        var grammar = Grammar()
        grammar.define(
            grammar.root, as: .choice([.text("x"), .sequence([.text("x,"), .rule(grammar.root)])]))
        let made = try #require(try compiled(grammar))
        let matcher = GrammarMatcher(made, endTokens: [])
        for _ in 0..<5000 { #expect(matcher.read(Array("x,".utf8))) }
        #expect(matcher.read([0x78]) && matcher.mayEnd)
        #expect(matcher.frameCount < 8)
    }

    @Test func deepNestingIsRemembered() throws {
        var grammar = Grammar()
        grammar.define(
            grammar.root, as: .choice([.text("x"), .sequence([.text("["), .rule(grammar.root), .text("]")])]))
        let made = try #require(try compiled(grammar))
        let matcher = GrammarMatcher(made, endTokens: [])
        for _ in 0..<3000 { #expect(matcher.read([0x5B])) }
        #expect(matcher.read([0x78]))
        for _ in 0..<3000 { #expect(!matcher.mayEnd && matcher.read([0x5D])) }
        #expect(matcher.mayEnd && !matcher.read([0x5D]))
    }

    @Test func compilationStopsWhenItIsToldTo() throws {
        let limit = CompilationLimit()
        limit.cancel()
        #expect(throws: GrammarError.cancelled) {
            try CompiledGrammar(body(.text("a")), trie: Self.letters, limit: limit)
        }
        #expect(throws: GrammarError.timedOut) {
            try CompiledGrammar(body(.text("a")), trie: Self.letters, limit: CompilationLimit(seconds: -1))
        }
        let large = GrammarExpression.bytes(Array(repeating: 0x61, count: 5000))
        #expect(throws: GrammarError.invalid("the grammar is too large")) {
            try CompiledGrammar(body(large), trie: Self.letters, limit: CompilationLimit(states: 4000))
        }
        var deep = GrammarExpression.text("a")
        for _ in 0..<600 { deep = .sequence([deep, .text("b")]) }
        #expect(throws: GrammarError.invalid("the grammar is nested too deeply")) {
            try CompiledGrammar(body(deep), trie: Self.letters, limit: CompilationLimit())
        }
    }

    // MARK: - Masks

    /// All bytes, and random longer tokens; some ids have no bytes, some share them.
    private func vocabulary(_ grammars: inout RandomGrammars) -> Vocabulary {
        var tokens: [[UInt8]] = (0...255).map { [UInt8($0)] }
        for _ in 0..<150 { tokens.append(grammars.text()) }
        tokens.append([])
        return Vocabulary(tokens)
    }

    @Test func masksAreThoseOfTryingEveryToken() throws {
        for seed in UInt64(0)..<60 {
            var grammars = RandomGrammars(seed: seed)
            let grammar = grammars.grammar()
            let vocabulary = vocabulary(&grammars)
            let end = Int32(vocabulary.count - 1)
            guard
                let made = try compiled(
                    grammar, expansion: seed % 2 == 0 ? 512 : 0, trie: TokenTrie(vocabulary))
            else { continue }
            let matcher = GrammarMatcher(made, endTokens: [end])
            var store = StackStore(made.automaton)
            var set = store.start()
            var text: [UInt8] = []
            for _ in 0..<8 {
                let mask = matcher.mask
                for token in 0..<Int32(vocabulary.count) {
                    let isExpected =
                        token == end
                        ? matcher.mayEnd
                        : !vocabulary.bytes(of: token).isEmpty
                            && vocabulary.bytes(of: token).reduce(set) { store.step($0, $1) } >= 0
                    #expect(mask[token] == isExpected, "seed \(seed), text \(text), token \(token)")
                }
                if let only = matcher.onlyToken { #expect(mask.only == only) }
                let choices = (0..<end).filter { mask[$0] }
                guard !choices.isEmpty else { break }
                let token = choices[grammars.pick(choices.count)]
                #expect(matcher.accept(token))
                text += vocabulary.bytes(of: token)
                for byte in vocabulary.bytes(of: token) { set = store.step(set, byte) }
            }
        }
    }

    /// From wherever masks lead, the text can be brought to an end, and what comes out is a text of the grammar.
    @Test func walksUnderMasksEndInTextsOfTheGrammar() throws {
        var walks = 0
        for seed in UInt64(0)..<120 {
            var grammars = RandomGrammars(seed: seed &+ 10_000)
            let grammar = grammars.grammar()
            let vocabulary = vocabulary(&grammars)
            guard let made = try compiled(grammar, trie: TokenTrie(vocabulary)) else { continue }
            let matcher = GrammarMatcher(made, endTokens: [])
            var text: [UInt8] = []
            for _ in 0..<grammars.pick(6) {
                let mask = matcher.mask
                let choices = (0..<Int32(vocabulary.count)).filter { mask[$0] }
                guard !choices.isEmpty else { break }
                let token = choices[grammars.pick(choices.count)]
                #expect(matcher.accept(token))
                text += vocabulary.bytes(of: token)
            }
            let rest = try #require(shortestEnd(of: made, after: text), "seed \(seed), text \(text)")
            #expect(ReferenceRecogniser.accepts(grammar, text + rest), "seed \(seed), text \(text + rest)")
            walks += 1
        }
        #expect(walks > 60)
    }

    /// The fewest bytes that bring a text to an end.
    private func shortestEnd(of grammar: CompiledGrammar, after text: [UInt8]) -> [UInt8]? {
        if GrammarMatcher(grammar, endTokens: []).mayEnd && text.isEmpty { return [] }
        var store = StackStore(grammar.automaton)
        var set = store.start()
        for byte in text { set = store.step(set, byte) }
        var seen: Set<StackStore.SetID> = [set]
        var layer: [(set: StackStore.SetID, rest: [UInt8])] = [(set, [])]
        for _ in 0..<40 {
            var next: [(set: StackStore.SetID, rest: [UInt8])] = []
            for (set, rest) in layer {
                if set >= 0, !store.sets[Int(set)].ends.isEmpty { return rest }
                for byte in UInt8.min...UInt8.max where store.nextBytes(set).contains(byte) {
                    let after = store.step(set, byte)
                    if seen.insert(after).inserted { next.append((after, rest + [byte])) }
                }
            }
            layer = next
        }
        return nil
    }

    @Test func endTokensAreAllowedWhereTheTextMayEnd() throws {
        let made = try #require(
            try compiled(body(.sequence([.text("ab"), .optional(.text("c"))]))))
        // 0 has a byte, but not one that ever fits.
        let matcher = GrammarMatcher(made, endTokens: [0])
        #expect(matcher.onlyToken == 0x61 && !matcher.accept(0))
        #expect(matcher.accept(0x61) && matcher.onlyToken == 0x62 && matcher.accept(0x62))
        #expect(matcher.mayEnd && matcher.onlyToken == nil && matcher.mask.count == 2)
        #expect(matcher.accept(0x63) && matcher.onlyToken == 0 && !matcher.mayContinue)
        #expect(matcher.accept(0) && matcher.hasEnded && matcher.mask.count == 0 && !matcher.accept(0))
    }
}
