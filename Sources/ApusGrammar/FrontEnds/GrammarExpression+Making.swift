/// Expressions without detours: nothing that can be said shorter.
extension GrammarExpression {
    /// One after the other.
    static func joined(_ parts: [GrammarExpression]) -> GrammarExpression {
        var result: [GrammarExpression] = []
        func append(_ part: GrammarExpression) {
            switch part {
            case .empty: break
            case .sequence(let inner): for part in inner { append(part) }
            case .bytes(let bytes):
                if case .bytes(var before)? = result.last {
                    // Taken out, so that nothing is copied.
                    result.removeLast()
                    before += bytes
                    result.append(.bytes(before))
                } else {
                    result.append(part)
                }
            default: result.append(part)
            }
        }
        for part in parts {
            if case .never = part { return .never }
            append(part)
        }
        return result.count == 1 ? result[0] : result.isEmpty ? .empty : .sequence(result)
    }

    /// Any one of these.
    static func any(of branches: [GrammarExpression]) -> GrammarExpression {
        var result: [GrammarExpression] = []
        for branch in branches {
            switch branch {
            case .never: break
            case .choice(let inner): result += inner
            default: result.append(branch)
            }
        }
        return result.count == 1 ? result[0] : result.isEmpty ? .never : .choice(result)
    }

    /// `min` times or more, at most `max` times where there is one.
    static func repeated(_ body: GrammarExpression, min: Int, max: Int?) -> GrammarExpression {
        switch body {
        case .empty: return .empty
        case .never: return min == 0 ? .empty : .never
        default: break
        }
        if let max {
            if max < min { return .never }
            if max == 0 { return .empty }
            if (min, max) == (1, 1) { return body }
        }
        return .repetition(body, min: min, max: max)
    }

    /// Nothing, or this once.
    static func maybe(_ body: GrammarExpression) -> GrammarExpression { repeated(body, min: 0, max: 1) }
}
