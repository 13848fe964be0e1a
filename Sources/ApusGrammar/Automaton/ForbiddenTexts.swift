/// The texts in which none of some byte strings occurs: Aho and Corasick's machine ("Efficient string matching", 1975)
/// without the states that have seen one, beside a machine that accepts UTF-8.
struct ForbiddenTexts {
    /// [state][byte] next state, or -1 where a forbidden text ends.
    private var next: [[Int32]]
    private var acceptsNothing = false

    init(_ texts: [[UInt8]], limit: CompilationLimit) throws(GrammarError) {
        next = [[Int32](repeating: -1, count: 256)]
        var isEnd = [false]
        for text in texts {
            var state = 0
            for byte in text {
                if next[state][Int(byte)] < 0 {
                    // A state has a kilobyte.
                    try limit.spend(16)
                    next[state][Int(byte)] = Int32(next.count)
                    next.append([Int32](repeating: -1, count: 256))
                    isEnd.append(false)
                }
                state = Int(next[state][Int(byte)])
            }
            isEnd[state] = true
        }
        acceptsNothing = isEnd[0]
        complete(&isEnd)
        for state in next.indices {
            for byte in 0..<256 where isEnd[Int(next[state][byte])] { next[state][byte] = -1 }
        }
    }

    /// Gives every state an edge for every byte: to where the longest end of what was read leads.
    private mutating func complete(_ isEnd: inout [Bool]) {
        var fallback = [Int32](repeating: 0, count: next.count)
        var queue: [Int] = [0]
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            if isEnd[Int(fallback[state])] { isEnd[state] = true }
            for byte in 0..<256 {
                let other = state == 0 ? 0 : next[Int(fallback[state])][byte]
                let child = next[state][byte]
                if child < 0 {
                    next[state][byte] = other
                } else {
                    fallback[Int(child)] = other
                    queue.append(Int(child))
                }
            }
        }
    }

    /// Where a machine that reads UTF-8 (RFC 3629, section 4) may be, and what it goes to on which bytes.
    private static let encoding: [[(bytes: ClosedRange<UInt8>, next: Int)]] = [
        // Between two scalars.
        [
            (0x00...0x7F, 0), (0xC2...0xDF, 1), (0xE0...0xE0, 4), (0xE1...0xEC, 2), (0xED...0xED, 5),
            (0xEE...0xEF, 2), (0xF0...0xF0, 6), (0xF1...0xF3, 3), (0xF4...0xF4, 7),
        ],
        // One, two, three bytes to come.
        [(0x80...0xBF, 0)], [(0x80...0xBF, 1)], [(0x80...0xBF, 2)],
        // The byte after E0, ED, F0, F4.
        [(0xA0...0xBF, 1)], [(0x80...0x9F, 1)], [(0x90...0xBF, 2)], [(0x80...0x8F, 2)],
    ]

    func add(
        from source: Int, to target: Int, into machine: inout NondeterministicMachine, limit: CompilationLimit
    ) throws(GrammarError) {
        guard !acceptsNothing else { return }
        var states: [Int: Int] = [:]
        var queue: [Int] = []
        func state(_ text: Int32, _ encoding: Int) -> Int {
            let key = Int(text) * Self.encoding.count + encoding
            if let state = states[key] { return state }
            let state = machine.addState()
            states[key] = state
            queue.append(key)
            return state
        }
        machine.connect(source, state(0, 0))
        while let key = queue.popLast() {
            let (text, encoding) = key.quotientAndRemainder(dividingBy: Self.encoding.count)
            guard let here = states[key] else { preconditionFailure("a state without a number") }
            if encoding == 0 { machine.connect(here, target) }
            for (bytes, nextEncoding) in Self.encoding[encoding] {
                for run in runs(of: text, in: bytes) {
                    machine.connect(here, state(run.next, nextEncoding), on: .bytes(run.bytes))
                }
            }
            try limit.spend(4)
        }
    }

    /// Neighbouring bytes that lead to one state.
    private func runs(of state: Int, in bytes: ClosedRange<UInt8>) -> [(bytes: ClosedRange<UInt8>, next: Int32)] {
        var runs: [(bytes: ClosedRange<UInt8>, next: Int32)] = []
        for byte in bytes {
            let target = next[state][Int(byte)]
            guard target >= 0 else { continue }
            if let last = runs.last, last.next == target, last.bytes.upperBound == byte - 1 {
                runs[runs.count - 1].bytes = last.bytes.lowerBound...byte
            } else {
                runs.append((byte...byte, target))
            }
        }
        return runs
    }
}
