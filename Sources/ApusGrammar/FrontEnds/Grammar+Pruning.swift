/// What every front end does in the end.
extension Grammar {
    /// Most rules of one grammar.
    static let maximumRules = 100_000

    /// The same texts without rules and branches that never come to an end, which would lead a matcher astray, and
    /// without those that nothing leads to.
    func pruned(_ limit: CompilationLimit) throws(GrammarError) -> Grammar {
        let ends = try endingRules(limit)
        var result = Grammar(rootName: self[root].name)
        var places: [Int: RuleID] = [root.index: result.root]
        var waiting = [root]
        while let rule = waiting.popLast() {
            try limit.check()
            let body = rewritten(self[rule].body) { inner in
                guard ends[inner.index] else { return .never }
                if let known = places[inner.index] { return .rule(known) }
                let place = result.declare(self[inner].name)
                places[inner.index] = place
                waiting.append(inner)
                return .rule(place)
            }
            result.define(places[rule.index]!, as: body)
        }
        guard ends[root.index] else { throw .invalid("no text satisfies it") }
        return result
    }

    /// For each rule, whether it produces any text.
    private func endingRules(_ limit: CompilationLimit) throws(GrammarError) -> [Bool] {
        var ends = [Bool](repeating: false, count: rules.count)
        func canEnd(_ expression: GrammarExpression) -> Bool {
            switch expression {
            case .empty, .bytes, .textWithout: true
            case .never: false
            case .scalars(let set): !set.ranges.isEmpty
            case .sequence(let parts): parts.allSatisfy(canEnd)
            case .choice(let branches): branches.contains(where: canEnd)
            case .repetition(let body, let min, _): min == 0 || canEnd(body)
            case .rule(let id): ends[id.index]
            }
        }
        // Rules mostly call later ones, or earlier ones: to and fro.
        var order = Array(rules.indices)
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            order.reverse()
            for index in order where !ends[index] {
                try limit.check()
                guard canEnd(rules[index].body) else { continue }
                ends[index] = true
                hasChanged = true
            }
        }
        return ends
    }

    private func rewritten(
        _ expression: GrammarExpression, _ replace: (RuleID) -> GrammarExpression
    ) -> GrammarExpression {
        switch expression {
        case .empty, .never, .bytes, .textWithout: expression
        case .scalars(let set): set.ranges.isEmpty ? .never : expression
        case .sequence(let parts): .joined(parts.map { rewritten($0, replace) })
        case .choice(let branches): .any(of: branches.map { rewritten($0, replace) })
        case .repetition(let body, let min, let max): .repeated(rewritten(body, replace), min: min, max: max)
        case .rule(let id): replace(id)
        }
    }
}
