import ApusRegex

/// A compiled pattern, matched as Oniguruma matches it: leftmost, first alternative that leads to a match.
///
/// Backtracking keeps a stack of its own, so that no text can exhaust the thread's; a repeated class, which is most of
/// what tokenizers' patterns are, is one instruction and one entry of that stack whatever its length.
struct Regex: Sendable {
    let instructions: [Instruction]
    let sets: [CodePointSet]
    /// Loops that may match nothing, each of which remembers where its last turn began.
    let markCount: Int

    struct Instruction: Sendable {
        var operation: Operation
        var first: Int32 = 0
        var second: Int32 = 0
        var third: Int32 = 0
    }

    enum Operation: UInt8, Sendable {
        /// A scalar of value `first`.
        case scalar
        /// A scalar of the set `first`.
        case set
        /// `second` to `third` (-1: any number) scalars of the set `first`: as many as possible, giving back one by one.
        case loop
        /// The same without giving back.
        case possessiveLoop
        /// Continue at `first`; if that fails at `second`.
        case split
        case jump
        /// Match what follows, up to `accept`, at this place; then continue at `first`, after it if `second` is 2
        /// (atomic), else here: if it matched (0) or if it did not (1).
        case inner
        /// The scalar before is in the set `first` (`second` 0) or is not, or there is none (1).
        case lookbehind
        case assertion
        /// Remembers this place under the number `first`.
        case mark
        /// Fails if nothing was matched since the last `mark` of the number `first`: ends a loop that would not.
        case progress
        case accept
    }

    init(_ pattern: String) throws(TextError) {
        var parser = RegexParser(pattern, syntax: .oniguruma)
        var compiler = RegexCompiler()
        do throws(RegexError) {
            compiler.append(try parser.parse())
        } catch {
            throw .unsupported("\(error)")
        }
        compiler.append(Instruction(operation: .accept))
        guard !compiler.isTooLarge else { throw TextError.unsupported("pattern \(pattern): too large") }
        instructions = compiler.instructions
        sets = compiler.sets.map(CodePointSet.init)
        markCount = compiler.markCount
    }
}

/// Turns a parsed pattern into instructions.
struct RegexCompiler {
    private(set) var instructions: [Regex.Instruction] = []
    private(set) var sets: [CodePointRanges] = [UnicodeTables.patternWords]
    private(set) var markCount = 0
    /// Intervals in one another multiply; past the limit the rest is left out, and the pattern refused.
    private(set) var isTooLarge = false

    private static let maximumCount = 20_000

    mutating func append(_ instruction: Regex.Instruction) { instructions.append(instruction) }

    mutating func append(_ node: RegexNode) {
        guard instructions.count < Self.maximumCount else {
            isTooLarge = true
            return
        }
        switch node {
        case .empty: break
        case .set(let set):
            if set.ranges.count == 1, set.ranges[0].count == 1 {
                append(.init(operation: .scalar, first: Int32(set.ranges[0].lowerBound)))
            } else {
                append(.init(operation: .set, first: number(of: set)))
            }
        case .sequence(let nodes): for node in nodes { append(node) }
        case .alternatives(let branches): appendAlternatives(branches)
        case .repeated(let node, let minimum, let maximum, let kind): appendRepeated(node, minimum, maximum, kind)
        case .lookahead(let node, let isNegative): appendInner(node, mode: isNegative ? 1 : 0)
        case .atomic(let node): appendInner(node, mode: 2)
        case .lookbehind(let set, let isNegative):
            append(.init(operation: .lookbehind, first: number(of: set), second: isNegative ? 1 : 0))
        case .assertion(let assertion): append(.init(operation: .assertion, first: assertion.rawValue))
        }
    }

    private mutating func number(of set: CodePointRanges) -> Int32 {
        if let index = sets.firstIndex(of: set) { return Int32(index) }
        sets.append(set)
        return Int32(sets.count - 1)
    }

    private mutating func appendAlternatives(_ branches: [RegexNode]) {
        var jumps: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                append(branch)
                break
            }
            let split = reserve(.split)
            append(branch)
            jumps.append(reserve(.jump))
            instructions[split].first = Int32(split + 1)
            instructions[split].second = here
        }
        for jump in jumps { instructions[jump].first = here }
    }

    private mutating func appendRepeated(
        _ node: RegexNode, _ minimum: Int, _ maximum: Int?, _ kind: RegexNode.RepeatKind
    ) {
        if case .set(let set) = node, kind != .lazy {
            append(
                .init(
                    operation: kind == .possessive ? .possessiveLoop : .loop, first: number(of: set),
                    second: Int32(minimum), third: maximum.map(Int32.init) ?? -1))
            return
        }
        if kind == .possessive {
            appendInner(.repeated(node, minimum: minimum, maximum: maximum, .greedy), mode: 2)
            return
        }
        for _ in 0..<minimum where !isTooLarge { append(node) }
        var splits: [Int] = []
        if let maximum {
            for _ in minimum..<max(maximum, minimum) where !isTooLarge {
                splits.append(reserve(.split))
                append(node)
            }
        } else {
            let mark = Int32(markCount)
            markCount += 1
            splits.append(reserve(.split))
            append(.init(operation: .mark, first: mark))
            append(node)
            append(.init(operation: .progress, first: mark))
            append(.init(operation: .jump, first: Int32(splits[0])))
        }
        for split in splits {
            let (stay, leave) = (Int32(split + 1), here)
            instructions[split].first = kind == .lazy ? leave : stay
            instructions[split].second = kind == .lazy ? stay : leave
        }
    }

    private mutating func appendInner(_ node: RegexNode, mode: Int32) {
        let inner = reserve(.inner)
        append(node)
        append(.init(operation: .accept))
        instructions[inner].first = here
        instructions[inner].second = mode
    }

    private mutating func reserve(_ operation: Regex.Operation) -> Int {
        append(.init(operation: operation))
        return instructions.count - 1
    }

    private var here: Int32 { Int32(instructions.count) }
}
