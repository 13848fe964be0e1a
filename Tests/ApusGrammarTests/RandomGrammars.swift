import ApusGrammar
import ApusTestSupport

/// Small random grammars of every kind of expression: recursive on the left, on the right and in the middle, ambiguous,
/// with rules that accept nothing or the empty text.
struct RandomGrammars {
    var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func grammar() -> Grammar {
        var grammar = Grammar()
        var rules = [grammar.root]
        for index in 0..<pick(4) { rules.append(grammar.declare("r\(index)")) }
        for rule in rules { grammar.define(rule, as: expression(rules, depth: 3)) }
        return grammar
    }

    private mutating func expression(_ rules: [Grammar.RuleID], depth: Int) -> GrammarExpression {
        switch pick(depth == 0 ? 5 : 14) {
        case 0: return .bytes([letter()])
        case 1: return .bytes((0..<pick(3)).map { _ in letter() })
        case 2: return .scalars(ScalarSet([0x61...0x62]))
        case 3: return .scalars(ScalarSet([0xE8...0xE9, 0x20AC...0x20AC]))
        case 4: return pick(4) == 0 ? .empty : .rule(rules[pick(rules.count)])
        case 5, 6, 7: return .sequence((0..<pick(4)).map { _ in expression(rules, depth: depth - 1) })
        case 8, 9: return .choice((0...pick(3)).map { _ in expression(rules, depth: depth - 1) })
        case 10, 11:
            let min = pick(3)
            return .repetition(
                expression(rules, depth: depth - 1), min: min, max: pick(4) == 0 ? nil : min + pick(4))
        case 12: return .rule(rules[pick(rules.count)])
        default:
            return pick(6) == 0
                ? .never : .textWithout((0...pick(2)).map { _ in (0..<1 + pick(2)).map { _ in letter() } })
        }
    }

    mutating func letter() -> UInt8 { UInt8(ascii: "a") + UInt8(pick(3)) }

    mutating func pick(_ count: Int) -> Int { count <= 0 ? 0 : Int.random(in: 0..<count, using: &random) }

    /// Pieces of what such grammars are about, and of nothing.
    mutating func text() -> [UInt8] {
        let pieces: [[UInt8]] = [[0x61], [0x62], [0x63], [0x64], Array("é".utf8), Array("€".utf8), [0xE2], [0x82]]
        return (0..<pick(7)).flatMap { _ in pieces[pick(pick(3) == 0 ? pieces.count : 3)] }
    }
}

/// The slow and obvious way to tell whether a grammar accepts a text: where each rule can end for each place where it
/// can begin, gone over until nothing is added.
struct ReferenceRecogniser {
    private let grammar: Grammar
    private let text: [UInt8]
    private var known: [[Set<Int>]]

    static func accepts(_ grammar: Grammar, _ text: [UInt8]) -> Bool {
        var reference = ReferenceRecogniser(grammar, text)
        reference.run()
        return reference.known[grammar.root.index][0].contains(text.count)
    }

    private init(_ grammar: Grammar, _ text: [UInt8]) {
        self.grammar = grammar
        self.text = text
        known = Array(repeating: Array(repeating: [], count: text.count + 1), count: grammar.rules.count)
    }

    private mutating func run() {
        var isChanging = true
        while isChanging {
            isChanging = false
            for (index, rule) in grammar.rules.enumerated() {
                for start in 0...text.count {
                    let ends = ends(rule.body, [start])
                    if !ends.isSubset(of: known[index][start]) {
                        known[index][start].formUnion(ends)
                        isChanging = true
                    }
                }
            }
        }
    }

    private func ends(_ expression: GrammarExpression, _ starts: Set<Int>) -> Set<Int> {
        switch expression {
        case .empty: starts
        case .never: []
        case .bytes(let bytes): Set(starts.filter { text[$0...].starts(with: bytes) }.map { $0 + bytes.count })
        case .scalars(let set):
            Set(
                starts.flatMap { start in
                    (start + 1..<start + 5).filter { end in
                        guard end <= text.count,
                            let piece = String(validating: text[start..<end], as: UTF8.self)?.unicodeScalars,
                            piece.count == 1, let scalar = piece.first
                        else { return false }
                        return set.contains(scalar)
                    }
                })
        case .sequence(let parts): parts.reduce(starts) { ends($1, $0) }
        case .choice(let branches): branches.reduce(into: []) { $0.formUnion(ends($1, starts)) }
        case .rule(let rule): starts.reduce(into: []) { $0.formUnion(known[rule.index][$1]) }
        case .repetition(let body, let min, let max): repeated(body, min, max, starts)
        case .textWithout(let texts):
            Set(
                starts.flatMap { start in
                    (start...text.count).filter { end in
                        let piece = text[start..<end]
                        return String(validating: piece, as: UTF8.self) != nil
                            && !texts.contains { text in
                                piece.indices.contains { piece[$0...].starts(with: text) }
                            }
                    }
                })
        }
    }

    private func repeated(_ body: GrammarExpression, _ min: Int, _ max: Int?, _ starts: Set<Int>) -> Set<Int> {
        var here = starts
        for _ in 0..<min { here = ends(body, here) }
        var all = here
        for _ in 0..<(max.map { $0 - min } ?? text.count + 1) {
            here = ends(body, here)
            all.formUnion(here)
        }
        return all
    }
}
