/// Makes a machine without empty edges of one with them: by the subset construction (Rabin and Scott, 1959), or, when
/// that takes too many states, by skipping over empty edges and nothing else. Texts are accepted alike either way.
struct Determinizer {
    private let source: NondeterministicMachine
    private let limit: CompilationLimit

    /// Sets of the source's states, and their numbers.
    private var sets: [[Int]] = []
    private var numbers: [[Int]: Int] = [:]

    private init(_ source: NondeterministicMachine, _ limit: CompilationLimit) {
        self.source = source
        self.limit = limit
    }

    static func machine(
        of source: NondeterministicMachine, limit: CompilationLimit
    ) throws(GrammarError) -> Machine {
        var determinizer = Determinizer(source, limit)
        let most = 4 * source.count + 2048
        if let machine = try determinizer.run(merges: true, most: most) { return machine.trimmed().shared() }
        determinizer = Determinizer(source, limit)
        guard let machine = try determinizer.run(merges: false, most: .max) else {
            preconditionFailure("a machine without bound has too many states")
        }
        return machine.trimmed().shared()
    }

    /// nil: more than `most` states. `merges`: edges that overlap are split until none do, and their targets put
    /// together.
    private mutating func run(merges: Bool, most: Int) throws(GrammarError) -> Machine? {
        var states: [Machine.State] = []
        _ = number([source.start])
        while states.count < sets.count {
            guard sets.count <= most else { return nil }
            try limit.spend(1 + sets[states.count].count / 16)
            states.append(merges ? merged(sets[states.count]) : plain(sets[states.count]))
        }
        return Machine(states: states, start: 0)
    }

    private mutating func number(_ states: [Int]) -> Int {
        let set = source.closure(states)
        if let number = numbers[set] { return number }
        sets.append(set)
        numbers[set] = sets.count - 1
        return sets.count - 1
    }

    private mutating func plain(_ set: [Int]) -> Machine.State {
        var state = Machine.State(isAccepting: set.contains(source.end))
        for member in set {
            for edge in source.edges[member] {
                let target = number([edge.target])
                switch edge.label {
                case .bytes(let bytes): state.edges.append(Machine.Edge(bytes: bytes, target: target))
                case .call, .loop: state.calls.append(Machine.Call(label: edge.label, target: target))
                }
            }
        }
        state.edges.sort { ($0.bytes.lowerBound, $0.target) < ($1.bytes.lowerBound, $1.target) }
        return state
    }

    private mutating func merged(_ set: [Int]) -> Machine.State {
        var state = Machine.State(isAccepting: set.contains(source.end))
        var byteEdges: [(bytes: ClosedRange<UInt8>, target: Int)] = []
        var targets: [MachineLabel: Set<Int>] = [:]
        var labels: [MachineLabel] = []
        for member in set {
            for edge in source.edges[member] {
                if case .bytes(let bytes) = edge.label {
                    byteEdges.append((bytes, edge.target))
                } else {
                    if targets[edge.label] == nil { labels.append(edge.label) }
                    targets[edge.label, default: []].insert(edge.target)
                }
            }
        }
        for label in labels {
            state.calls.append(Machine.Call(label: label, target: number(targets[label, default: []].sorted())))
        }
        // Every byte's targets, byte by byte where edges begin or end.
        var cuts: Set<Int> = []
        for edge in byteEdges {
            cuts.insert(Int(edge.bytes.lowerBound))
            cuts.insert(Int(edge.bytes.upperBound) + 1)
        }
        let borders = cuts.sorted()
        for (low, next) in zip(borders, borders.dropFirst()) {
            let byte = UInt8(low)
            let reached = Set(byteEdges.lazy.filter { $0.bytes.contains(byte) }.map(\.target))
            guard !reached.isEmpty else { continue }
            let target = number(reached.sorted())
            let bytes = byte...UInt8(next - 1)
            if let last = state.edges.last, last.target == target, Int(last.bytes.upperBound) + 1 == low {
                state.edges[state.edges.count - 1].bytes = last.bytes.lowerBound...bytes.upperBound
            } else {
                state.edges.append(Machine.Edge(bytes: bytes, target: target))
            }
        }
        return state
    }
}

extension Machine {
    /// Without the states from which nothing is accepted.
    func trimmed() -> Machine {
        var sources = [[Int]](repeating: [], count: states.count)
        for (index, state) in states.enumerated() {
            for edge in state.edges { sources[edge.target].append(index) }
            for call in state.calls { sources[call.target].append(index) }
        }
        var isAlive = states.map(\.isAccepting)
        var stack = states.indices.filter { isAlive[$0] }
        while let state = stack.popLast() {
            for source in sources[state] where !isAlive[source] {
                isAlive[source] = true
                stack.append(source)
            }
        }
        isAlive[start] = true
        return kept { isAlive[$0] }
    }

    /// With states that can be told apart by nothing that follows made one, as far as that shows from their edges
    /// alone: all such states, unless they lie on different cycles.
    func shared() -> Machine {
        struct Signature: Hashable {
            var edges: [Edge]
            var calls: [Call]
            var isAccepting: Bool
        }
        var representative = Array(states.indices)
        var isChanging = true
        while isChanging {
            isChanging = false
            var known: [Signature: Int] = [:]
            for index in states.indices.reversed() where representative[index] == index {
                func target(_ state: Int) -> Int {
                    var state = state
                    while representative[state] != state { state = representative[state] }
                    return state == index ? -1 : state
                }
                let state = states[index]
                let signature = Signature(
                    edges: state.edges.map { Edge(bytes: $0.bytes, target: target($0.target)) },
                    calls: state.calls.map { Call(label: $0.label, target: target($0.target)) },
                    isAccepting: state.isAccepting)
                if let other = known[signature] {
                    representative[index] = other
                    isChanging = true
                } else {
                    known[signature] = index
                }
            }
        }
        func target(_ state: Int) -> Int {
            var state = state
            while representative[state] != state { state = representative[state] }
            return state
        }
        var machine = self
        machine.start = target(start)
        for index in states.indices {
            for edge in states[index].edges.indices {
                machine.states[index].edges[edge].target = target(states[index].edges[edge].target)
            }
            for call in states[index].calls.indices {
                machine.states[index].calls[call].target = target(states[index].calls[call].target)
            }
        }
        return machine.kept { representative[$0] == $0 }
    }

    /// With only some states, numbered anew, and the edges between them.
    private func kept(_ isKept: (Int) -> Bool) -> Machine {
        var numbers = [Int](repeating: -1, count: states.count)
        var count = 0
        for index in states.indices where isKept(index) {
            numbers[index] = count
            count += 1
        }
        let kept = states.indices.filter(isKept).map { index in
            var state = states[index]
            state.edges = state.edges.filter { numbers[$0.target] >= 0 }.map {
                Edge(bytes: $0.bytes, target: numbers[$0.target])
            }
            state.calls = state.calls.filter { numbers[$0.target] >= 0 }.map {
                Call(label: $0.label, target: numbers[$0.target])
            }
            return state
        }
        return Machine(states: kept, start: numbers[start])
    }
}
