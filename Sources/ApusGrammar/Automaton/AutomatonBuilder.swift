/// From a grammar to its automaton: machines of all rules, small ones written into those that call them.
struct AutomatonBuilder {
    private let limit: CompilationLimit
    private let builder: MachineBuilder
    private var machines: [Int: Machine] = [:]
    /// Calls and loops that lead to each machine from others.
    private var uses: [Int]
    /// Machines that take part in no recursion, so that they can be written out.
    private var isFlat: [Bool]

    /// A callee of up to this many states is copied into every caller …
    private static let smallStates = 24
    /// … unless its states take this many byte values or more: tables of such states are shared.
    private static let broad = 64
    /// A callee with one caller is copied up to this size.
    private static let largeStates = 4096

    static func automaton(
        of grammar: Grammar, limit: CompilationLimit, heaviestExpansion: Int = MachineBuilder.heaviestExpansion
    ) throws(GrammarError) -> Automaton {
        var builder = try AutomatonBuilder(grammar, limit, heaviestExpansion)
        return try builder.run(root: grammar.root.index)
    }

    private init(
        _ grammar: Grammar, _ limit: CompilationLimit, _ heaviestExpansion: Int
    ) throws(GrammarError) {
        self.limit = limit
        builder = try MachineBuilder(grammar, limit: limit, heaviestExpansion: heaviestExpansion)
        uses = [Int](repeating: 0, count: builder.machines.count)
        isFlat = [Bool](repeating: true, count: builder.machines.count)
    }

    private mutating func run(root: Int) throws(GrammarError) -> Automaton {
        guard builder.machines[root].reachesEnd({ _ in true }) else {
            throw .invalid("no text satisfies it")
        }
        for component in components(from: root) {
            for index in component { try build(index) }
        }
        try LeftRecursion.remove(from: &machines, loops: builder.loops, limit: limit)
        return try flatten(root)
    }

    // MARK: - Order

    private func callees(_ machine: Int) -> [Int] {
        builder.machines[machine].edges.joined().compactMap { callee($0.label) }
    }

    private func callee(_ label: MachineLabel) -> Int? {
        switch label {
        case .bytes: nil
        case .call(let machine): machine
        case .loop(let loop): builder.loops[loop].body
        }
    }

    /// The machines that the root needs, callees first; those that call one another in a circle stand together.
    private mutating func components(from root: Int) -> [[Int]] {
        let count = builder.machines.count
        var neighbours = [[Int]](repeating: [], count: count)
        for index in 0..<count { neighbours[index] = callees(index) }
        let components = StrongComponents.find(from: [root], neighbours: { neighbours[$0] })
        for component in components {
            for index in component {
                if component.count > 1 || neighbours[index].contains(index) { isFlat[index] = false }
                for callee in neighbours[index] { uses[callee] += 1 }
            }
        }
        return components
    }

    // MARK: - Machines

    private mutating func build(_ index: Int) throws(GrammarError) {
        var source = builder.machines[index]
        let original = source.count
        for state in 0..<original {
            for edge in source.edges[state] {
                guard case .call(let callee) = edge.label, isFlat[callee], let machine = machines[callee],
                    isWorthCopying(machine, uses: uses[callee])
                else { continue }
                source.splice(machine, from: state, to: edge.target)
            }
        }
        source.filterEdges(in: 0..<original) { label in
            guard case .call(let callee) = label, isFlat[callee], let machine = machines[callee] else { return true }
            return !isWorthCopying(machine, uses: uses[callee])
        }
        machines[index] = try Determinizer.machine(of: source, limit: limit)
    }

    private func isWorthCopying(_ machine: Machine, uses: Int) -> Bool {
        if uses == 1 { return machine.states.count <= Self.largeStates }
        return machine.states.count <= Self.smallStates && machine.breadth < Self.broad
    }

    // MARK: - Numbers

    private func flatten(_ root: Int) throws(GrammarError) -> Automaton {
        var automaton = Automaton()
        var rules: [Int: Int32] = [:]
        var order = [root]
        rules[root] = 0
        var head = 0
        while head < order.count {
            for call in machine(order[head]).states.lazy.flatMap(\.calls) {
                guard let callee = callee(call.label), rules[callee] == nil else { continue }
                rules[callee] = Int32(order.count)
                order.append(callee)
            }
            head += 1
        }
        let ranks = try LeftRecursion.ranks(machines, order, callee: { callee($0) })
        var first: [Int] = []
        var count = 0
        for index in order {
            first.append(count)
            count += machine(index).states.count
        }
        for (rule, index) in order.enumerated() {
            let machine = machine(index)
            automaton.rules.append(
                Automaton.Rule(start: Int32(first[rule] + machine.start), rank: ranks[index, default: 0]))
            for state in machine.states {
                append(state, first: first[rule], rules: rules, to: &automaton)
                automaton.ruleOfState.append(Int32(rule))
            }
        }
        let machine = machine(root)
        automaton.acceptsEmpty = machine.states[machine.start].isAccepting
        return automaton
    }

    private func machine(_ index: Int) -> Machine {
        guard let machine = machines[index] else { preconditionFailure("a rule that is needed was not built") }
        return machine
    }

    private func append(
        _ state: Machine.State, first: Int, rules: [Int: Int32], to automaton: inout Automaton
    ) {
        let edges = automaton.edges.count
        let calls = automaton.calls.count
        for edge in state.edges {
            automaton.edges.append(
                Automaton.Edge(
                    low: edge.bytes.lowerBound, high: edge.bytes.upperBound, target: Int32(first + edge.target)))
        }
        for call in state.calls {
            guard let callee = callee(call.label), let rule = rules[callee] else {
                preconditionFailure("a call to a rule that was not built")
            }
            var destination = Int32(first + call.target)
            if case .loop(let loop) = call.label {
                automaton.loops.append(
                    Automaton.Loop(
                        rule: rule, min: Int32(clamping: builder.loops[loop].min),
                        max: Int32(clamping: builder.loops[loop].max), next: destination))
                destination = Automaton.encode(loop: automaton.loops.count - 1)
            }
            automaton.calls.append(Automaton.Call(rule: rule, destination: destination))
        }
        automaton.states.append(
            Automaton.State(
                edges: edges..<automaton.edges.count, calls: calls..<automaton.calls.count,
                isAccepting: state.isAccepting, isFinal: state.isFinal))
    }
}
