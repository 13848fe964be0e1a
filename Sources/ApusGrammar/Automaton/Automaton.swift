/// A grammar as a pushdown automaton over bytes: the states of all rules' machines, numbered through.
///
/// A text is read by machines that call one another. No chain of calls comes back to a rule before something is read
/// (left recursion is written out when the automaton is made), and no call reads nothing.
struct Automaton: Sendable {
    struct Edge: Sendable {
        var low: UInt8
        var high: UInt8
        var target: Int32
    }

    /// Where a state calls another rule, or begins a counted loop.
    struct Call: Sendable {
        var rule: Int32
        /// Where the caller goes on: a state, or a loop as `Automaton.encode(loop:)`.
        var destination: Int32
    }

    struct State: Sendable {
        var edges: Range<Int>
        var calls: Range<Int>
        /// The rule may end here.
        var isAccepting: Bool
        /// The rule ends here, and nothing else can.
        var isFinal: Bool
    }

    /// A counted loop at the place where it stands.
    struct Loop: Sendable {
        /// The body's rule.
        var rule: Int32
        var min: Int32
        var max: Int32
        /// Where its rule goes on behind it.
        var next: Int32
    }

    struct Rule: Sendable {
        var start: Int32
        /// Callers have lower ranks than those whom they call before they read anything.
        var rank: Int32
    }

    var states: [State] = []
    var edges: [Edge] = []
    var calls: [Call] = []
    var loops: [Loop] = []
    var rules: [Rule] = []
    /// The rule of each state.
    var ruleOfState: [Int32] = []
    var root: Int32 = 0
    /// The empty text is accepted.
    var acceptsEmpty = false

    static func encode(loop: Int) -> Int32 { Int32(-1 - loop) }
    /// The loop that a destination is; nil: it is a state.
    static func loop(at destination: Int32) -> Int? { destination < 0 ? Int(-1 - destination) : nil }
}
