/// What an edge of a rule's machine consumes.
enum MachineLabel: Hashable, Sendable {
    case bytes(ClosedRange<UInt8>)
    /// A text of another rule that is not empty.
    case call(Int)
    /// Texts of a counted repetition's body, none of them empty.
    case loop(Int)
}

/// A rule's machine as it is first built: with empty edges, one start and one end (Thompson, "Regular expression search
/// algorithm", 1968).
struct NondeterministicMachine {
    struct Edge {
        var label: MachineLabel
        var target: Int
    }

    private(set) var edges: [[Edge]] = []
    private(set) var empty: [[Int]] = []
    let start: Int
    let end: Int

    init() {
        start = 0
        end = 1
        _ = addState()
        _ = addState()
    }

    var count: Int { edges.count }

    mutating func addState() -> Int {
        edges.append([])
        empty.append([])
        return edges.count - 1
    }

    mutating func connect(_ source: Int, _ target: Int, on label: MachineLabel) {
        edges[source].append(Edge(label: label, target: target))
    }

    mutating func connect(_ source: Int, _ target: Int) {
        if source != target { empty[source].append(target) }
    }

    /// Keeps only the edges that `isKept` allows, of some states or of all.
    mutating func filterEdges(in states: Range<Int>? = nil, _ isKept: (MachineLabel) -> Bool) {
        for state in states ?? 0..<count { edges[state].removeAll { !isKept($0.label) } }
    }

    /// Everything that can be reached from `states` by empty edges, in rising order.
    func closure(_ states: [Int]) -> [Int] {
        var seen = Set(states)
        var stack = Array(seen)
        while let state = stack.popLast() {
            for next in empty[state] where seen.insert(next).inserted { stack.append(next) }
        }
        return seen.sorted()
    }

    /// Whether the end can be reached from the start over edges that `isPassable` allows.
    func reachesEnd(_ isPassable: (MachineLabel) -> Bool) -> Bool {
        var seen = [Bool](repeating: false, count: count)
        var stack = [start]
        seen[start] = true
        while let state = stack.popLast() {
            if state == end { return true }
            for edge in edges[state] where !seen[edge.target] && isPassable(edge.label) {
                seen[edge.target] = true
                stack.append(edge.target)
            }
            for next in empty[state] where !seen[next] {
                seen[next] = true
                stack.append(next)
            }
        }
        return false
    }

    /// Puts a copy of `machine` between two states.
    mutating func splice(_ machine: Machine, from source: Int, to target: Int) {
        let offset = count
        for _ in machine.states { _ = addState() }
        connect(source, offset + machine.start)
        for (index, state) in machine.states.enumerated() {
            for edge in state.edges { connect(offset + index, offset + edge.target, on: .bytes(edge.bytes)) }
            for call in state.calls { connect(offset + index, offset + call.target, on: call.label) }
            if state.isAccepting { connect(offset + index, target) }
        }
    }
}
