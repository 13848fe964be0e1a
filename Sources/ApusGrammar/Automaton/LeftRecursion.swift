/// Rules that call themselves before they have read anything are written differently: A → A α | β as A → β α*, after
/// rules that lead to one another so are written into each other (Paull's algorithm; Aho, Sethi, Ullman, "Compilers",
/// 1986, algorithm 4.1).
struct LeftRecursion {
    private var machines: [Int: Machine]
    private let loops: [MachineBuilder.Loop]
    private let limit: CompilationLimit

    /// Larger circles of rules are refused.
    private static let largestCircle = 32

    static func remove(
        from machines: inout [Int: Machine], loops: [MachineBuilder.Loop], limit: CompilationLimit
    ) throws(GrammarError) {
        var work = LeftRecursion(machines: machines, loops: loops, limit: limit)
        let nodes = machines.keys.sorted()
        for component in StrongComponents.find(from: nodes, neighbours: { work.leftCallees($0) }) {
            guard component.count > 1 || work.leftCallees(component[0]).contains(component[0]) else { continue }
            try work.remove(component.sorted())
        }
        machines = work.machines
    }

    /// Numbers by which callers come before those whom they call first.
    static func ranks(
        _ machines: [Int: Machine], _ nodes: [Int], callee: (MachineLabel) -> Int?
    ) throws(GrammarError) -> [Int: Int32] {
        func leftCallees(_ index: Int) -> [Int] {
            guard let machine = machines[index] else { return [] }
            return machine.states[machine.start].calls.compactMap { callee($0.label) }
        }
        let components = StrongComponents.find(from: nodes, neighbours: leftCallees)
        var ranks: [Int: Int32] = [:]
        for (index, component) in components.enumerated() {
            guard component.count == 1, !leftCallees(component[0]).contains(component[0]) else { throw refusal }
            ranks[component[0]] = Int32(components.count - index)
        }
        return ranks
    }

    private static let refusal = GrammarError.invalid(
        "its left recursion goes through a counted repetition, or through too many rules")

    private func leftCallees(_ index: Int) -> [Int] {
        guard let machine = machines[index] else { return [] }
        return machine.states[machine.start].calls.map { call in
            switch call.label {
            case .loop(let loop): loops[loop].body
            case .call(let callee): callee
            case .bytes: preconditionFailure("bytes are no call")
            }
        }
    }

    private mutating func remove(_ circle: [Int]) throws(GrammarError) {
        guard circle.count <= Self.largestCircle else { throw Self.refusal }
        for (position, index) in circle.enumerated() {
            for earlier in circle[..<position] { try writeOut(earlier, in: index) }
            try turn(index)
        }
    }

    /// Replaces the calls of `callee` with which `index` begins by the callee's machine.
    private mutating func writeOut(_ callee: Int, in index: Int) throws(GrammarError) {
        guard let machine = machines[index], let body = machines[callee] else { return }
        let targets = machine.firstTargets(.call(callee))
        guard !targets.isEmpty else { return }
        var source = NondeterministicMachine(machine, withoutFirst: .call(callee))
        for target in targets { source.splice(body, from: source.start, to: source.state(of: target)) }
        machines[index] = try Determinizer.machine(of: source, limit: limit)
    }

    /// Replaces the calls of itself with which `index` begins: what follows them may follow any of its texts.
    private mutating func turn(_ index: Int) throws(GrammarError) {
        guard let machine = machines[index] else { return }
        let targets = machine.firstTargets(.call(index))
        guard !targets.isEmpty else { return }
        var source = NondeterministicMachine(machine, withoutFirst: .call(index))
        for target in targets { source.connect(source.end, source.state(of: target)) }
        machines[index] = try Determinizer.machine(of: source, limit: limit)
    }
}

extension Machine {
    /// Where calls lead that stand at the very beginning.
    fileprivate func firstTargets(_ label: MachineLabel) -> [Int] {
        states[start].calls.filter { $0.label == label }.map(\.target)
    }
}

extension NondeterministicMachine {
    /// A copy of `machine` with a start of its own that lacks some calls; the other states keep theirs.
    fileprivate init(_ machine: Machine, withoutFirst label: MachineLabel) {
        self.init()
        for _ in machine.states { _ = addState() }
        for (index, state) in machine.states.enumerated() {
            let here = self.state(of: index)
            for edge in state.edges { connect(here, self.state(of: edge.target), on: .bytes(edge.bytes)) }
            for call in state.calls { connect(here, self.state(of: call.target), on: call.label) }
            if state.isAccepting { connect(here, end) }
        }
        let first = machine.states[machine.start]
        for edge in first.edges { connect(start, state(of: edge.target), on: .bytes(edge.bytes)) }
        for call in first.calls where call.label != label { connect(start, state(of: call.target), on: call.label) }
        if first.isAccepting { connect(start, end) }
    }

    fileprivate func state(of index: Int) -> Int { index + 2 }
}
