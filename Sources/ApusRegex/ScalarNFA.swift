/// A pattern as an automaton over Unicode scalars that may be in many states at once (Thompson, "Regular expression
/// search algorithm", 1968). States are kept in order, each once.
package struct ScalarNFA: Sendable {
    package struct Edge: Sendable {
        package let set: CodePointRanges
        package let target: Int
    }

    /// What must hold at a place, of which nothing is read.
    private enum Condition {
        case assertion(RegexNode.Assertion)
        case before(CodePointRanges, isNegative: Bool)
        case after(CodePointRanges, isNegative: Bool)
    }

    /// What stands on both sides of a place in a text; nil: the text begins or ends there.
    package struct Place: Sendable {
        package var before: UInt32?
        package var after: UInt32?
        /// `after` is the last scalar.
        package var isBeforeLast = false

        package init(before: UInt32?, after: UInt32?, isBeforeLast: Bool = false) {
            self.before = before
            self.after = after
            self.isBeforeLast = isBeforeLast
        }
    }

    package private(set) var edges: [[Edge]] = []
    private var jumps: [[(target: Int, condition: Condition?)]] = []
    private var accepting = 0

    /// `node` is regular (`RegexNode.isRegular`), and small enough for its repetitions to be written out (`RegexNode.size`).
    package init(_ node: RegexNode) {
        let start = add()
        accepting = add()
        connect(node, from: start, to: accepting)
    }

    /// Any of these texts.
    package init(texts: [String]) {
        let start = add()
        accepting = add()
        for text in texts {
            var state = start
            for scalar in text.unicodeScalars {
                let next = add()
                edges[state].append(Edge(set: CodePointRanges([scalar]), target: next))
                state = next
            }
            jumps[state].append((accepting, nil))
        }
    }

    /// The state that a text begins in; to be closed.
    package static let start = 0

    package func accepts(_ states: [Int]) -> Bool { states.contains(accepting) }

    /// States behind one of `states` and a scalar; to be closed.
    package func step(_ states: [Int], _ code: UInt32) -> [Int] {
        var targets: [Int] = []
        for state in states {
            for edge in edges[state] where edge.set.contains(code) { targets.append(edge.target) }
        }
        return targets
    }

    /// `states` with those that can be reached without reading anything. Assertions hold nowhere without a place.
    package func closure(_ states: [Int], at place: Place? = nil) -> [Int] {
        var seen: Set<Int> = []
        var waiting = states
        while let state = waiting.popLast() {
            guard seen.insert(state).inserted else { continue }
            for jump in jumps[state] where jump.condition.map({ holds($0, at: place) }) ?? true {
                waiting.append(jump.target)
            }
        }
        return seen.sorted()
    }

    private func holds(_ condition: Condition, at place: Place?) -> Bool {
        guard let place else { return false }
        switch condition {
        case .assertion(let assertion): return place.satisfies(assertion)
        case .before(let set, let isNegative): return (place.before.map(set.contains) ?? false) != isNegative
        case .after(let set, let isNegative): return (place.after.map(set.contains) ?? false) != isNegative
        }
    }

    /// The whole text matches a pattern without assertions.
    package func matches(_ text: String) -> Bool {
        accepts(text.unicodeScalars.reduce(closure([Self.start])) { closure(step($0, $1.value)) })
    }

    private mutating func add() -> Int {
        edges.append([])
        jumps.append([])
        return edges.count - 1
    }

    private mutating func connect(_ node: RegexNode, from start: Int, to end: Int) {
        switch node {
        case .empty: jumps[start].append((end, nil))
        case .set(let set): edges[start].append(Edge(set: set, target: end))
        case .assertion(let assertion): jumps[start].append((end, .assertion(assertion)))
        case .lookbehind(.set(let set), _, let isNegative):
            jumps[start].append((end, .before(set, isNegative: isNegative)))
        case .lookahead(.set(let set), let isNegative):
            jumps[start].append((end, .after(set, isNegative: isNegative)))
        case .alternatives(let nodes): for node in nodes { connect(node, from: start, to: end) }
        case .sequence(let nodes):
            let last = nodes.reduce(start) { follow($0, $1) }
            jumps[last].append((end, nil))
        case .repeated(let node, let minimum, let maximum, _):
            var state = (0..<minimum).reduce(start) { state, _ in follow(state, node) }
            if let maximum {
                for _ in minimum..<max(maximum, minimum) {
                    jumps[state].append((end, nil))
                    state = follow(state, node)
                }
            } else {
                // A state of its own, so that what leads back here leads nowhere else.
                let loop = add()
                jumps[state].append((loop, nil))
                jumps[follow(loop, node)].append((loop, nil))
                state = loop
            }
            jumps[state].append((end, nil))
        case .lookahead, .lookbehind, .atomic, .group, .reference, .conditional:
            preconditionFailure("not a regular expression")
        }
    }

    /// The state behind `node`.
    private mutating func follow(_ state: Int, _ node: RegexNode) -> Int {
        let next = add()
        connect(node, from: state, to: next)
        return next
    }
}

extension ScalarNFA.Place {
    fileprivate func satisfies(_ assertion: RegexNode.Assertion) -> Bool {
        let newline: UInt32 = 10
        switch assertion {
        case .lineStart: return before == nil || before == newline
        case .lineEnd: return after == nil || after == newline
        case .textStart: return before == nil
        case .textEnd: return after == nil
        case .textEndOrLastBreak: return after == nil || (isBeforeLast && after == newline)
        case .wordBorder: return isWord(before) != isWord(after)
        case .asciiWordBorder: return isASCIIWord(before) != isASCIIWord(after)
        // Python finds no place of either kind in an empty text.
        case .noWordBorder: return isWord(before) == isWord(after) && (before != nil || after != nil)
        case .noASCIIWordBorder: return isASCIIWord(before) == isASCIIWord(after) && (before != nil || after != nil)
        }
    }

    private func isWord(_ code: UInt32?) -> Bool { code.map(PythonClasses.pythonWords.contains) ?? false }

    private func isASCIIWord(_ code: UInt32?) -> Bool { code.map(PythonClasses.asciiWords.contains) ?? false }
}
