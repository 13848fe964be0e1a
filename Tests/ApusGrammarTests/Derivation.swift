@testable import ApusGrammar

/// Random texts of a grammar.
struct Derivation {
    private let grammar: Grammar
    /// For each rule, the least depth of calls that ends it.
    private var depths: [Int]

    private static let endless = 1 << 20

    init(_ grammar: Grammar) {
        self.grammar = grammar
        depths = Array(repeating: Self.endless, count: grammar.rules.count)
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for index in depths.indices.reversed() {
                let depth = min(Self.endless, depth(grammar.rules[index].body) + 1)
                if depth < depths[index] {
                    depths[index] = depth
                    hasChanged = true
                }
            }
        }
    }

    /// - Parameter effort: expressions that may be chosen freely; then the shortest ways are taken.
    func text(effort: Int, using random: inout some RandomNumberGenerator) -> String {
        var bytes: [UInt8] = []
        var effort = effort
        derive(grammar[grammar.root].body, &effort, &bytes, &random)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func depth(_ expression: GrammarExpression) -> Int {
        switch expression {
        case .empty, .bytes, .scalars, .textWithout: 0
        case .never: Self.endless
        case .sequence(let parts): parts.map(depth).max() ?? 0
        case .choice(let branches): branches.map(depth).min() ?? Self.endless
        case .repetition(let body, let min, _): min == 0 ? 0 : depth(body)
        case .rule(let id): depths[id.index]
        }
    }

    private func derive(
        _ expression: GrammarExpression, _ effort: inout Int, _ bytes: inout [UInt8],
        _ random: inout some RandomNumberGenerator
    ) {
        effort -= 1
        switch expression {
        case .empty: break
        case .never: preconditionFailure("a grammar that leads nowhere")
        case .bytes(let new): bytes += new
        case .scalars(let set): bytes += Array(String(scalar(of: set, &random)).utf8)
        case .sequence(let parts): for part in parts { derive(part, &effort, &bytes, &random) }
        case .choice(let branches):
            let depths = branches.map(depth)
            let possible = effort > 0 ? Self.endless - 1 : depths.min() ?? 0
            let open = branches.indices.filter { depths[$0] <= possible }
            derive(branches[open.randomElement(using: &random)!], &effort, &bytes, &random)
        case .repetition(let body, let min, let max):
            var count = min
            if effort > 0, depth(body) < Self.endless {
                let most = Swift.min(max ?? .max, min + Int.random(in: 0...4, using: &random))
                count = Int.random(in: min...most, using: &random)
            }
            for _ in 0..<count { derive(body, &effort, &bytes, &random) }
        case .rule(let id): derive(grammar[id].body, &effort, &bytes, &random)
        case .textWithout(let texts):
            let letters = Array("ab <>{}\"é\n".utf8)
            let text = (0..<Int.random(in: 0...8, using: &random)).map { _ in letters.randomElement(using: &random)! }
            let isFit = !texts.contains {
                String(decoding: text, as: UTF8.self).contains(String(decoding: $0, as: UTF8.self))
            }
            if isFit, String(validating: text, as: UTF8.self) != nil { bytes += text }
        }
    }

    private func scalar(of set: ScalarSet, _ random: inout some RandomNumberGenerator) -> Unicode.Scalar {
        // Mostly from the first ranges, which people use.
        let range = Bool.random(using: &random) ? set.ranges[0] : set.ranges.randomElement(using: &random)!
        let low = range.lowerBound
        let high = Bool.random(using: &random) ? min(range.upperBound, low + 60) : range.upperBound
        return Unicode.Scalar(UInt32.random(in: low...high, using: &random))!
    }
}
