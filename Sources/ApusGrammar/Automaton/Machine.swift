/// A rule's machine without empty edges: deterministic, unless that would have taken too many states.
struct Machine {
    struct Edge: Hashable {
        var bytes: ClosedRange<UInt8>
        var target: Int
    }

    struct Call: Hashable {
        /// `call` or `loop`.
        var label: MachineLabel
        var target: Int
    }

    struct State {
        /// By rising bytes.
        var edges: [Edge] = []
        var calls: [Call] = []
        var isAccepting = false

        /// Nothing can follow.
        var isFinal: Bool { isAccepting && edges.isEmpty && calls.isEmpty }
    }

    var states: [State]
    /// Accepting exactly if the rule has the empty text.
    var start: Int

    /// Most byte values that one state takes: what makes its table over all tokens expensive.
    var breadth: Int {
        states.map { state in state.edges.reduce(0) { $0 + $1.bytes.count } }.max() ?? 0
    }
}
