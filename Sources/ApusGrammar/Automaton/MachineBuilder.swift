/// Writes rules' bodies down as machines with empty edges (Thompson's construction). Repetitions that would take many
/// states become loops that are counted while texts are read, their bodies machines of their own.
struct MachineBuilder {
    struct Loop: Hashable {
        /// Index of the body's machine.
        var body: Int
        var min: Int
        var max: Int
    }

    /// Of rules, as the grammar numbers them, then of loops' bodies.
    private(set) var machines: [NondeterministicMachine] = []
    private(set) var loops: [Loop] = []
    /// By machine: the empty text is among its texts.
    private(set) var isNullable: [Bool] = []

    private let limit: CompilationLimit
    private var bodies: [GrammarExpression: Int] = [:]
    private var loopIndices: [Loop: Int] = [:]
    /// Bodies whose machines are still to be built.
    private var pending: [(machine: Int, body: GrammarExpression)] = []

    /// Deeper expressions are refused: the walk is recursive.
    private static let deepest = 500
    /// A repetition whose copies weigh more than this is counted.
    static let heaviestExpansion = 512
    private let heaviestExpansion: Int

    init(
        _ grammar: Grammar, limit: CompilationLimit, heaviestExpansion: Int = heaviestExpansion
    ) throws(GrammarError) {
        self.limit = limit
        self.heaviestExpansion = heaviestExpansion
        machines = grammar.rules.map { _ in NondeterministicMachine() }
        for (index, rule) in grammar.rules.enumerated() { machines[index] = try build(rule.body) }
        while let (machine, body) = pending.popLast() { machines[machine] = try build(body) }
        try settle()
    }

    private mutating func build(_ body: GrammarExpression) throws(GrammarError) -> NondeterministicMachine {
        var machine = NondeterministicMachine()
        try add(body, from: machine.start, to: machine.end, into: &machine, depth: 0)
        return machine
    }

    private mutating func add(
        _ expression: GrammarExpression, from source: Int, to target: Int, into machine: inout NondeterministicMachine,
        depth: Int
    ) throws(GrammarError) {
        guard depth < Self.deepest else { throw .invalid("the grammar is nested too deeply") }
        switch expression {
        case .empty: machine.connect(source, target)
        case .never: break
        case .bytes(let bytes): try add(bytes.map { $0...$0 }, from: source, to: target, into: &machine)
        case .scalars(let set):
            for sequence in UTF8Ranges.sequences(of: set) {
                try add(sequence, from: source, to: target, into: &machine)
            }
        case .sequence(let parts):
            var here = source
            for (index, part) in parts.enumerated() {
                let next = index == parts.count - 1 ? target : machine.addState()
                try add(part, from: here, to: next, into: &machine, depth: depth + 1)
                here = next
            }
            if parts.isEmpty { machine.connect(source, target) }
            try limit.spend(parts.count)
        case .choice(let branches):
            for branch in branches { try add(branch, from: source, to: target, into: &machine, depth: depth + 1) }
        case .repetition(let body, let min, let max):
            try repeated(body, min, max, from: source, to: target, into: &machine, depth: depth + 1)
        case .rule(let rule): machine.connect(source, target, on: .call(rule.index))
        case .textWithout(let texts):
            try ForbiddenTexts(texts, limit: limit).add(from: source, to: target, into: &machine, limit: limit)
        }
    }

    private func add(
        _ sequence: [ClosedRange<UInt8>], from source: Int, to target: Int, into machine: inout NondeterministicMachine
    ) throws(GrammarError) {
        guard !sequence.isEmpty else { return machine.connect(source, target) }
        try limit.spend(sequence.count)
        var here = source
        for (index, bytes) in sequence.enumerated() {
            let next = index == sequence.count - 1 ? target : machine.addState()
            machine.connect(here, next, on: .bytes(bytes))
            here = next
        }
    }

    // MARK: - Repetitions

    private mutating func repeated(
        _ body: GrammarExpression, _ min: Int, _ max: Int?, from source: Int, to target: Int,
        into machine: inout NondeterministicMachine, depth: Int
    ) throws(GrammarError) {
        let (min, most) = (Swift.max(min, 0), max ?? Swift.max(min, 0))
        guard max == nil || most >= min else { return }
        var here = source
        if most > 1 && Self.product(weight(of: body), most) > heaviestExpansion {
            let next = max == nil ? machine.addState() : target
            machine.connect(here, next, on: .loop(loop(over: body, min, most)))
            if min == 0 { machine.connect(here, next) }
            here = next
        } else {
            for count in 0..<most {
                if count >= min { machine.connect(here, target) }
                let next = machine.addState()
                try add(body, from: here, to: next, into: &machine, depth: depth)
                here = next
            }
            if max != nil { machine.connect(here, target) }
        }
        guard max == nil else { return }
        let round = machine.addState()
        machine.connect(here, round)
        try add(body, from: round, to: round, into: &machine, depth: depth)
        machine.connect(round, target)
    }

    private mutating func loop(over body: GrammarExpression, _ min: Int, _ max: Int) -> Int {
        let loop = Loop(body: machine(for: body), min: min, max: max)
        if let index = loopIndices[loop] { return index }
        loops.append(loop)
        loopIndices[loop] = loops.count - 1
        return loops.count - 1
    }

    private mutating func machine(for body: GrammarExpression) -> Int {
        if case .rule(let rule) = body { return rule.index }
        if let index = bodies[body] { return index }
        machines.append(NondeterministicMachine())
        bodies[body] = machines.count - 1
        pending.append((machines.count - 1, body))
        return machines.count - 1
    }

    /// About how many edges one copy of an expression takes, or how many byte values its states tell apart.
    private func weight(of expression: GrammarExpression) -> Int {
        switch expression {
        case .empty, .never: 0
        case .bytes(let bytes): bytes.count
        case .scalars(let set):
            Swift.min(set.ranges.reduce(0) { $0 + $1.count }, 128) + set.ranges.count
        case .sequence(let parts), .choice(let parts): parts.reduce(0) { $0 + weight(of: $1) }
        case .repetition(let body, let min, let max): Self.product(weight(of: body), Swift.max(max ?? min + 1, 1))
        case .rule: 16
        case .textWithout: 128
        }
    }

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (product, isTooLarge) = a.multipliedReportingOverflow(by: b)
        return isTooLarge ? .max : product
    }

    // MARK: - What comes to nothing

    /// Drops the edges that no text comes of, and lets whoever has the empty text be passed over.
    private mutating func settle() throws(GrammarError) {
        let loops = loops
        let isProductive = try fixpoint { label, known in
            switch label {
            case .bytes: true
            case .call(let machine): known[machine]
            case .loop(let loop): known[loops[loop].body]
            }
        }
        for index in machines.indices {
            machines[index].filterEdges { label in
                switch label {
                case .bytes: true
                case .call(let machine): isProductive[machine]
                case .loop(let loop): isProductive[loops[loop].body]
                }
            }
        }
        isNullable = try fixpoint { label, known in
            switch label {
            case .bytes: false
            case .call(let machine): known[machine]
            case .loop(let loop): known[loops[loop].body]
            }
        }
        // Rounds that read nothing need no counting: of such a body any number up to the most will do.
        for index in self.loops.indices where isNullable[loops[index].body] { self.loops[index].min = 0 }
        for index in machines.indices {
            for state in 0..<machines[index].count {
                for edge in machines[index].edges[state] {
                    switch edge.label {
                    case .bytes: break
                    case .call(let callee) where isNullable[callee]: machines[index].connect(state, edge.target)
                    case .loop(let loop) where isNullable[loops[loop].body]:
                        machines[index].connect(state, edge.target)
                    case .call, .loop: break
                    }
                }
            }
        }
    }

    /// By machine: its end can be reached over edges that `isPassable`, which may ask what is known of other machines.
    private func fixpoint(
        _ isPassable: (MachineLabel, _ known: [Bool]) -> Bool
    ) throws(GrammarError) -> [Bool] {
        var known = [Bool](repeating: false, count: machines.count)
        // Callees tend to come later, or earlier: to and fro.
        var order = Array(machines.indices)
        var isChanging = true
        while isChanging {
            isChanging = false
            order.reverse()
            try limit.check()
            for index in order where !known[index] {
                let holds = machines[index].reachesEnd { isPassable($0, known) }
                guard holds else { continue }
                known[index] = true
                isChanging = true
            }
        }
        return known
    }
}
