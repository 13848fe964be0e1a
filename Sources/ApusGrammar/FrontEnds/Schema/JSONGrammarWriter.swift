import ApusCore
import ApusJSON
import ApusRegex

/// Writes JSON into a grammar. Pieces that many places share are rules, each made when first asked for.
struct JSONGrammarWriter {
    private(set) var grammar = Grammar()
    /// White space wherever JSON allows it.
    private(set) var space = GrammarExpression.empty
    private var shared: [String: GrammarExpression] = [:]
    let limit: CompilationLimit

    /// Digits of whole numbers, of fractions and of exponents: without bounds a model that is sure of nothing else
    /// may write digits until its tokens run out. Eighteen digits fit 64 bits.
    static let mostDigits = 18
    static let mostFractionDigits = 17

    init(whitespace: JSONWhitespace, _ limit: CompilationLimit) throws(GrammarError) {
        self.limit = limit
        switch whitespace {
        case .none: break
        case .upTo(let count):
            space = .repeated(.scalars(ScalarSet(Self.blanks)), min: 0, max: max(0, count))
        case .pattern(let pattern):
            let node = try RegexFrontEnd.parse(pattern, .python, limit).anchored(isSearch: false)
            guard node.isMade(of: Self.blanks) else {
                throw .invalid("the white space pattern \(pattern) matches more than JSON's white space")
            }
            space = try node.expression(limit) { .scalars(ScalarSet($0)) }
        }
        if case .empty = space { return }
        let rule = try declare("space")
        define(rule, as: space)
        space = .rule(rule)
    }

    private static let blanks = CodePointRanges([" ", "\n", "\t", "\r"] as [Unicode.Scalar])

    // MARK: Rules

    mutating func declare(_ name: String) throws(GrammarError) -> Grammar.RuleID {
        guard grammar.rules.count < Grammar.maximumRules else { throw .invalid("the grammar has too many rules") }
        try limit.check()
        return grammar.declare(name)
    }

    mutating func define(_ rule: Grammar.RuleID, as body: GrammarExpression) { grammar.define(rule, as: body) }

    mutating func finish(_ root: GrammarExpression) throws(GrammarError) -> Grammar {
        grammar.define(grammar.root, as: root)
        return try grammar.pruned(limit)
    }

    private mutating func share(
        _ name: String, _ make: (inout JSONGrammarWriter) throws(GrammarError) -> GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        if let known = shared[name] { return known }
        let rule = try declare(name)
        shared[name] = .rule(rule)
        define(rule, as: try make(&self))
        return .rule(rule)
    }

    // MARK: Values

    /// Any JSON value.
    mutating func value() throws(GrammarError) -> GrammarExpression {
        try share("value") { (writer) throws(GrammarError) in
            .any(of: [
                try writer.anyObject(), try writer.anyArray(), try writer.string(), Self.number, .text("true"),
                .text("false"), .text("null"),
            ])
        }
    }

    mutating func anyObject() throws(GrammarError) -> GrammarExpression {
        try share("object") { (writer) throws(GrammarError) in
            let member = writer.member(try writer.string(), try writer.value())
            return writer.object(.any(of: [writer.list(member, min: 1, max: nil), .empty]))
        }
    }

    mutating func anyArray() throws(GrammarError) -> GrammarExpression {
        try share("array") { (writer) throws(GrammarError) in
            let element = try writer.value()
            return writer.array(.any(of: [writer.list(element, min: 1, max: nil), .empty]))
        }
    }

    /// Any string.
    mutating func string() throws(GrammarError) -> GrammarExpression {
        try share("string") { (_) throws(GrammarError) in
            .joined([.text("\""), .repeated(Self.character, min: 0, max: nil), .text("\"")])
        }
    }

    static let number: GrammarExpression = .joined([
        integer,
        .maybe(.joined([.text("."), .repeated(digit, min: 1, max: mostFractionDigits)])),
        .maybe(
            .joined([
                .any(of: [.text("e"), .text("E")]), .maybe(.any(of: [.text("+"), .text("-")])),
                .repeated(digit, min: 1, max: 2),
            ])),
    ])

    static let integer: GrammarExpression = .joined([
        .maybe(.text("-")),
        .any(of: [
            .text("0"),
            .joined([.scalars(ScalarSet([49...57])), .repeated(digit, min: 0, max: mostDigits - 1)]),
        ]),
    ])

    private static let digit = GrammarExpression.scalars(ScalarSet([48...57]))

    /// One character of a string. Half a surrogate pair, which is no character, is not among them.
    static let character: GrammarExpression = {
        func digits(_ ranges: ClosedRange<UInt32>...) -> GrammarExpression { .scalars(ScalarSet(ranges)) }
        let any = digits(48...57, 65...70, 97...102)
        let plain = GrammarExpression.any(of: [
            .joined([digits(48...57, 65...67, 69...70, 97...99, 101...102), .repeated(any, min: 3, max: 3)]),
            .joined([digits(68...68, 100...100), digits(48...55), any, any]),
        ])
        let pair = GrammarExpression.joined([
            digits(68...68, 100...100), digits(56...57, 65...66, 97...98), any, any,
            .text("\\u"), digits(68...68, 100...100), digits(67...70, 99...102), any, any,
        ])
        let escapes = ScalarSet("\"\\/bfnrt".unicodeScalars.map { $0.value...$0.value })
        return .any(of: [
            .scalars(ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])),
            .joined([.text("\\"), .any(of: [.scalars(escapes), .joined([.text("u"), .any(of: [plain, pair])])])]),
        ])
    }()

    // MARK: Strings of certain characters

    /// A scalar of the set as strings write it, each in one way only.
    static func encoded(_ set: CodePointRanges) -> GrammarExpression {
        let special = CodePointRanges([0..<0x20, 0x22..<0x23, 0x5C..<0x5D])
        let plain = set.subtracting(special)
        var branches: [GrammarExpression] = plain.isEmpty ? [] : [.scalars(ScalarSet(plain))]
        for range in set.intersection(special).ranges {
            for code in range {
                guard let scalar = Unicode.Scalar(code) else { continue }
                branches.append(.bytes(Array(JSONValue.string(String(scalar)).serialized.dropFirst().dropLast())))
            }
        }
        return .any(of: branches)
    }

    /// The texts of an automaton. What many states lead to is a rule, which calls others last only.
    mutating func texts(
        _ automaton: ScalarAutomaton, _ name: String, encode: (CodePointRanges) -> GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        guard !automaton.isEmpty else { return .never }
        var entries = [Int](repeating: 0, count: automaton.states.count)
        entries[0] = 1
        for (index, state) in automaton.states.enumerated() {
            for edge in state.edges where edge.target != index { entries[edge.target] += 1 }
        }
        var rules: [Int: Grammar.RuleID] = [:]
        var waiting: [Int] = []
        func call(_ state: Int, depth: Int, _ writer: inout JSONGrammarWriter) throws(GrammarError) -> GrammarExpression
        {
            if entries[state] == 1, depth < 40 { return try body(state, depth: depth + 1, &writer) }
            if let rule = rules[state] { return .rule(rule) }
            let rule = try writer.declare(name)
            rules[state] = rule
            waiting.append(state)
            return .rule(rule)
        }
        func body(_ index: Int, depth: Int, _ writer: inout JSONGrammarWriter) throws(GrammarError) -> GrammarExpression
        {
            try writer.limit.check()
            let state = automaton.states[index]
            var loop = GrammarExpression.never
            var branches: [GrammarExpression] = state.isAccepting ? [.empty] : []
            for edge in state.edges {
                if edge.target == index {
                    loop = encode(edge.set)
                } else {
                    branches.append(.joined([encode(edge.set), try call(edge.target, depth: depth, &writer)]))
                }
            }
            return .joined([.repeated(loop, min: 0, max: nil), .any(of: branches)])
        }
        let start = try body(0, depth: 0, &self)
        while let state = waiting.popLast() {
            define(rules[state]!, as: try body(state, depth: 0, &self))
        }
        // The start may be called again from within.
        return start
    }

    // MARK: Structure

    /// Exactly this value.
    func literal(_ value: JSONValue) -> GrammarExpression {
        switch value {
        case .array(let elements): array(separated(elements.map(literal)))
        case .object(let members):
            object(separated(members.map { member(literal(.string($0.key)), literal($0.value)) }))
        default: .bytes(value.serialized)
        }
    }

    func member(_ key: GrammarExpression, _ value: GrammarExpression) -> GrammarExpression {
        .joined([key, space, .text(":"), space, value])
    }

    var comma: GrammarExpression { .joined([space, .text(","), space]) }

    /// `item`s with commas between them, `min` at least 1.
    func list(_ item: GrammarExpression, min: Int, max: Int?) -> GrammarExpression {
        .joined([item, .repeated(.joined([comma, item]), min: min - 1, max: max.map { $0 - 1 })])
    }

    /// Braces around members, which may be none.
    func object(_ members: GrammarExpression) -> GrammarExpression { enclosed("{", members, "}") }

    /// Brackets around elements, which may be none.
    func array(_ elements: GrammarExpression) -> GrammarExpression { enclosed("[", elements, "]") }

    private func enclosed(_ opening: String, _ contents: GrammarExpression, _ closing: String) -> GrammarExpression {
        let branches: [GrammarExpression]
        if case .choice(let inner) = contents { branches = inner } else { branches = [contents] }
        return .joined([
            .text(opening), space,
            .any(of: branches.map { $0 == .empty ? .text(closing) : .joined([$0, space, .text(closing)]) }),
        ])
    }

    private func separated(_ items: [GrammarExpression]) -> GrammarExpression {
        guard let first = items.first else { return .empty }
        return .joined([first] + items.dropFirst().map { .joined([comma, $0]) })
    }
}

extension RegexNode {
    fileprivate func isMade(of blanks: CodePointRanges) -> Bool {
        switch self {
        case .empty: true
        case .set(let set): set.subtracting(blanks).isEmpty
        case .sequence(let nodes), .alternatives(let nodes): nodes.allSatisfy { $0.isMade(of: blanks) }
        case .repeated(let node, _, _, _): node.isMade(of: blanks)
        default: false
        }
    }
}
