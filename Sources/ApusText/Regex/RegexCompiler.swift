import ApusRegex

/// Turns a parsed pattern into instructions.
struct RegexCompiler {
    private(set) var instructions: [Regex.Instruction] = []
    private(set) var sets: [CodePointRanges] = []
    private(set) var markCount = 0
    private let isPython: Bool
    /// Of each group the first of its two marks.
    private var groups: [Int: Int32] = [:]
    /// Intervals in one another multiply; past the limit the rest is left out, and the pattern refused.
    private(set) var isTooLarge = false
    /// Nodes seen: a repeated nothing makes no instructions, and takes its time.
    private var visits = 0

    private static let maximumCount = 20_000
    private static let maximumVisits = 4 * maximumCount

    init(isPython: Bool) {
        self.isPython = isPython
    }

    mutating func append(_ instruction: Regex.Instruction) { instructions.append(instruction) }

    mutating func append(_ node: RegexNode) {
        visits += 1
        guard instructions.count < Self.maximumCount, visits < Self.maximumVisits else {
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
        case .lookbehind(.set(let set), _, let isNegative):
            append(.init(operation: .lookbehind, first: number(of: set), second: isNegative ? 1 : 0))
        case .lookbehind(let node, let width, let isNegative):
            appendInner(node, mode: isNegative ? 1 : 0, behind: width)
        case .assertion(let assertion): append(.init(operation: .assertion, first: assertion.rawValue))
        case .group(let node, let number):
            let mark = marks(of: number)
            append(.init(operation: .mark, first: mark))
            append(node)
            append(.init(operation: .mark, first: mark + 1))
        case .reference(let group, let rule):
            append(.init(operation: .reference, first: marks(of: group), second: rule.rawValue))
        case .conditional(let group, let node, let other):
            let condition = reserve(.conditional)
            append(node)
            let jump = reserve(.jump)
            instructions[condition].first = marks(of: group)
            instructions[condition].second = here
            append(other)
            instructions[jump].first = here
        }
    }

    private mutating func marks(of group: Int) -> Int32 {
        if let mark = groups[group] { return mark }
        groups[group] = Int32(markCount)
        markCount += 2
        return Int32(markCount - 2)
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
        var ends: [Int] = []
        if let maximum {
            for _ in minimum..<max(maximum, minimum) where !isTooLarge {
                splits.append(reserve(.split))
                if isPython { ends.append(appendTurn(node)) } else { append(node) }
            }
        } else {
            splits.append(reserve(.split))
            ends.append(appendTurn(node))
            append(.init(operation: .jump, first: Int32(splits[0])))
        }
        for split in splits {
            let (stay, leave) = (Int32(split + 1), here)
            instructions[split].first = kind == .lazy ? leave : stay
            instructions[split].second = kind == .lazy ? stay : leave
        }
        // A turn that matches nothing is the last in Python, and none at all in Oniguruma.
        for end in ends { instructions[end].second = isPython ? here : -1 }
    }

    /// Returns the place of the instruction that ends a turn which matches nothing.
    private mutating func appendTurn(_ node: RegexNode) -> Int {
        let mark = Int32(markCount)
        markCount += 1
        append(.init(operation: .mark, first: mark))
        append(node)
        append(.init(operation: .progress, first: mark))
        return instructions.count - 1
    }

    private mutating func appendInner(_ node: RegexNode, mode: Int32, behind width: Int? = nil) {
        let inner = reserve(width == nil ? .inner : .behind)
        append(node)
        append(.init(operation: .accept))
        instructions[inner].first = here
        instructions[inner].second = mode
        instructions[inner].third = Int32(clamping: width ?? 0)
    }

    private mutating func reserve(_ operation: Regex.Operation) -> Int {
        append(.init(operation: operation))
        return instructions.count - 1
    }

    private var here: Int32 { Int32(instructions.count) }
}
