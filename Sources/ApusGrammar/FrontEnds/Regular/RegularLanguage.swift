import ApusRegex

/// Texts that obey several patterns and bounds at once.
struct RegularLanguage: Sendable {
    /// All of these match.
    var required: [ScalarNFA] = []
    /// None of these matches.
    var excluded: [ScalarNFA] = []
    /// Scalars.
    var minimum = 0
    var maximum: Int?
    /// The text is a whole number in decimal that this divides.
    var modulus: Int?

    static let maximumStates = 8_000

    func contains(_ text: String, _ limit: CompilationLimit) throws(GrammarError) -> Bool {
        let count = text.unicodeScalars.count
        guard count >= minimum && count <= maximum ?? .max else { return false }
        if let modulus {
            guard let number = Int(text), number % modulus == 0 else { return false }
        }
        for nfa in required where try !Self.matches(nfa, text, limit) { return false }
        for nfa in excluded where try Self.matches(nfa, text, limit) { return false }
        return true
    }

    private static func matches(
        _ nfa: ScalarNFA, _ text: String, _ limit: CompilationLimit
    ) throws(GrammarError) -> Bool {
        var states = nfa.closure([ScalarNFA.start])
        for scalar in text.unicodeScalars {
            try limit.check()
            states = nfa.closure(nfa.step(states, scalar.value))
            if states.isEmpty { return false }
        }
        return nfa.accepts(states)
    }

    private struct State: Hashable {
        var required: [[Int]]
        var excluded: [[Int]]
        /// Scalars so far, no further than it matters.
        var count: Int
        var remainder: Int
    }

    /// One automaton for all of it, whose every state leads to an end; without states if no text obeys.
    func automaton(_ limit: CompilationLimit) throws(GrammarError) -> ScalarAutomaton {
        let start = State(
            required: required.map { $0.closure([ScalarNFA.start]) },
            excluded: excluded.map { $0.closure([ScalarNFA.start]) }, count: 0, remainder: 0)
        var numbers = [start: 0]
        var states = [start]
        var automaton = ScalarAutomaton()
        var next = 0
        while next < states.count {
            let state = states[next]
            next += 1
            var targets: [(number: Int, ranges: [Range<UInt32>])] = []
            for range in elementaryRanges(state) {
                try limit.check()
                guard let target = step(state, range.lowerBound) else { continue }
                let number = numbers[target] ?? states.count
                if number == states.count {
                    guard number < Self.maximumStates else {
                        throw .invalid("patterns and lengths together need too many states")
                    }
                    numbers[target] = number
                    states.append(target)
                }
                if let index = targets.firstIndex(where: { $0.number == number }) {
                    targets[index].ranges.append(range)
                } else {
                    targets.append((number, [range]))
                }
            }
            automaton.states.append(
                .init(
                    edges: targets.map { .init(set: CodePointRanges($0.ranges), target: $0.number) },
                    isAccepting: isAccepting(state)))
        }
        automaton.trim()
        return automaton
    }

    private func isAccepting(_ state: State) -> Bool {
        state.count >= minimum && state.remainder == 0 && zip(required, state.required).allSatisfy { $0.accepts($1) }
            && !zip(excluded, state.excluded).contains { $0.accepts($1) }
    }

    /// nil: no way to an end.
    private func step(_ state: State, _ code: UInt32) -> State? {
        var next = state
        if let maximum {
            guard state.count < maximum else { return nil }
            next.count += 1
        } else {
            next.count = min(minimum, state.count + 1)
        }
        for index in required.indices {
            next.required[index] = required[index].closure(required[index].step(state.required[index], code))
            if next.required[index].isEmpty { return nil }
        }
        for index in excluded.indices {
            next.excluded[index] = excluded[index].closure(excluded[index].step(state.excluded[index], code))
        }
        if let modulus, (48...57).contains(code) {
            next.remainder = (state.remainder * 10 + Int(code) - 48) % modulus
        }
        return next
    }

    /// Ranges of scalars that no edge out of the state tells apart.
    private func elementaryRanges(_ state: State) -> [Range<UInt32>] {
        var borders: Set<UInt32> = [0, 0xD800, 0xE000, CodePointRanges.end]
        if modulus != nil { borders.formUnion(48...58) }
        func note(_ nfa: ScalarNFA, _ states: [Int]) {
            for state in states {
                for edge in nfa.edges[state] {
                    for range in edge.set.ranges {
                        borders.insert(range.lowerBound)
                        borders.insert(range.upperBound)
                    }
                }
            }
        }
        for (nfa, states) in zip(required, state.required) { note(nfa, states) }
        for (nfa, states) in zip(excluded, state.excluded) { note(nfa, states) }
        let sorted = borders.sorted()
        return zip(sorted, sorted.dropFirst()).map { $0..<$1 }.filter { $0.lowerBound != 0xD800 }
    }
}

/// An automaton over scalars that is in one state at a time; it begins in the first.
struct ScalarAutomaton: Sendable {
    struct Edge: Sendable {
        var set: CodePointRanges
        var target: Int
    }

    struct State: Sendable {
        var edges: [Edge]
        var isAccepting: Bool
    }

    var states: [State] = []

    /// No text is accepted.
    var isEmpty: Bool { states.isEmpty }

    /// Drops states that lead to no end.
    fileprivate mutating func trim() {
        var sources = [[Int]](repeating: [], count: states.count)
        for (index, state) in states.enumerated() {
            for edge in state.edges { sources[edge.target].append(index) }
        }
        var leads = states.map(\.isAccepting)
        var waiting = states.indices.filter { leads[$0] }
        while let state = waiting.popLast() {
            for source in sources[state] where !leads[source] {
                leads[source] = true
                waiting.append(source)
            }
        }
        guard leads.first ?? false else {
            states = []
            return
        }
        var places = [Int](repeating: 0, count: states.count)
        var count = 0
        for index in states.indices where leads[index] {
            places[index] = count
            count += 1
        }
        states = states.indices.filter { leads[$0] }.map { index in
            var state = states[index]
            state.edges = state.edges.filter { leads[$0.target] }.map { .init(set: $0.set, target: places[$0.target]) }
            return state
        }
    }
}
