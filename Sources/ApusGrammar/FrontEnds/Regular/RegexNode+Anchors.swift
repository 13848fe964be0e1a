import ApusRegex

/// A grammar knows whole texts only: anchors at the ends of a pattern become what they mean for those.
extension RegexNode {
    /// The same without anchors at its ends.
    /// - Parameters:
    ///   - isSearch: where there is no anchor, anything may stand before or after.
    ///   - beforeBreak: `$` holds before a line break that ends the text too, as in Python.
    func anchored(isSearch: Bool, beforeBreak: Bool = false) throws(GrammarError) -> RegexNode {
        let beyond: RegexNode =
            isSearch ? .repeated(.set(.all), minimum: 0, maximum: nil, .greedy) : .empty
        let end: RegexNode = beforeBreak ? .repeated(.text("\n"), minimum: 0, maximum: 1, .greedy) : .empty
        let node = withoutStart(beyond).withoutEnd(beyond, end)
        try node.refuseAssertions()
        return node
    }

    private func withoutStart(_ beyond: RegexNode) -> RegexNode {
        switch self {
        case .alternatives(let nodes): return .alternatives(nodes.map { $0.withoutStart(beyond) })
        case .assertion where isStart: return .empty
        case .sequence(let nodes):
            let rest = nodes.drop { $0.isStart }
            if rest.count < nodes.count { return .sequence(Array(rest)) }
            guard let first = nodes.first else { return beyond }
            return .sequence([first.withoutStart(beyond)] + nodes.dropFirst())
        default: return .sequence([beyond, self])
        }
    }

    private func withoutEnd(_ beyond: RegexNode, _ end: RegexNode) -> RegexNode {
        switch self {
        case .alternatives(let nodes): return .alternatives(nodes.map { $0.withoutEnd(beyond, end) })
        case .assertion where isEnd: return end
        case .sequence(let nodes):
            guard let last = nodes.last else { return beyond }
            if last.isEnd { return .sequence(nodes.prefix { !$0.isEnd } + [end]) }
            return .sequence(nodes.dropLast() + [last.withoutEnd(beyond, end)])
        default: return .sequence([self, beyond])
        }
    }

    private var isStart: Bool {
        guard case .assertion(let assertion) = self else { return false }
        return assertion == .textStart || assertion == .lineStart
    }

    private var isEnd: Bool {
        guard case .assertion(let assertion) = self else { return false }
        return assertion == .textEnd || assertion == .textEndOrLastBreak || assertion == .lineEnd
    }

    private func refuseAssertions() throws(GrammarError) {
        switch self {
        case .empty, .set: break
        case .sequence(let nodes), .alternatives(let nodes): for node in nodes { try node.refuseAssertions() }
        case .repeated(let node, _, _, let kind) where kind != .possessive: try node.refuseAssertions()
        default: throw notRegular
        }
    }
}
