package import ApusGrammar

/// Reads a text byte by byte, as plainly as can be: what faster matchers must agree with. Keeps every way in which the
/// grammar may have produced what was read, each as a stack of what must follow.
package struct ReferenceMatcher {
    private enum Task: Hashable {
        case node(Int)
        /// The bytes of a node from an offset on.
        case bytes(Int, offset: Int)
        /// A scalar of a node's set, of which these bytes were read.
        case scalar(Int, [UInt8])
        case turn(Int, count: Int)
        /// Text without the node's strings: the bytes that may begin one, and those of a scalar that is not complete.
        case text(Int, tail: [UInt8], scalar: [UInt8])
    }

    private enum Node {
        case empty
        case never
        case bytes([UInt8])
        case scalars(ScalarSet)
        case sequence([Int])
        case choice([Int])
        case repetition(Int, min: Int, max: Int?)
        case rule(Int)
        case without([[UInt8]])
    }

    /// A stack: what is next and the rest of it.
    private struct Cell: Hashable {
        let task: Task
        let rest: Int
    }

    private var nodes: [Node] = []
    private var bodies: [Int] = []
    private var cells: [Cell] = []
    private var numbers: [Cell: Int] = [:]
    /// Stacks whose next task reads a byte.
    private var stacks: Set<Int> = []

    private static let bottom = -1

    /// The text read so far is all that the grammar wants.
    package private(set) var canEnd = false

    /// Something may follow.
    package var canGoOn: Bool { !stacks.isEmpty }

    package init(_ grammar: Grammar) {
        bodies = grammar.rules.map { add($0.body) }
        let start = push(.node(bodies[grammar.root.index]), on: Self.bottom)
        (stacks, canEnd) = settled([start])
    }

    /// The whole text obeys the grammar.
    package static func accepts(_ text: String, _ grammar: Grammar) -> Bool {
        var matcher = ReferenceMatcher(grammar)
        return text.utf8.allSatisfy { matcher.take($0) } && matcher.canEnd
    }

    /// Reads a byte; false, and nothing read, if it cannot stand here.
    package mutating func take(_ byte: UInt8) -> Bool {
        var next: [Int] = []
        for stack in stacks { next += advance(cells[stack], byte) }
        guard !next.isEmpty else { return false }
        (stacks, canEnd) = settled(next)
        return true
    }

    /// Whether these bytes may follow.
    package func allows(_ bytes: some Sequence<UInt8>) -> Bool {
        var copy = self
        return bytes.allSatisfy { copy.take($0) }
    }

    // MARK: Grammar

    private mutating func add(_ expression: GrammarExpression) -> Int {
        let node: Node =
            switch expression {
            case .empty: .empty
            case .never: .never
            case .bytes(let bytes): bytes.isEmpty ? .empty : .bytes(bytes)
            case .scalars(let set): .scalars(set)
            case .sequence(let parts): .sequence(parts.map { add($0) })
            case .choice(let branches): .choice(branches.map { add($0) })
            case .repetition(let body, let min, let max): .repetition(add(body), min: min, max: max)
            case .rule(let id): .rule(id.index)
            case .textWithout(let texts): .without(texts)
            }
        nodes.append(node)
        return nodes.count - 1
    }

    private mutating func push(_ task: Task, on rest: Int) -> Int {
        let cell = Cell(task: task, rest: rest)
        if let number = numbers[cell] { return number }
        cells.append(cell)
        numbers[cell] = cells.count - 1
        return cells.count - 1
    }

    // MARK: Reading

    /// The stacks that `stacks` become before anything is read, and whether one of them is empty.
    private mutating func settled(_ stacks: [Int]) -> (Set<Int>, Bool) {
        var reading: Set<Int> = []
        var seen: Set<Int> = []
        var waiting = stacks
        while let stack = waiting.popLast() {
            guard seen.insert(stack).inserted, stack != Self.bottom else { continue }
            let cell = cells[stack]
            switch cell.task {
            case .node(let index): waiting += expanded(index, on: cell.rest)
            case .turn(let index, let count):
                guard case .repetition(let body, let min, let max) = nodes[index] else { continue }
                if count >= min { waiting.append(cell.rest) }
                if max.map({ count < $0 }) ?? true {
                    let further = push(.turn(index, count: Swift.min(count + 1, max ?? min)), on: cell.rest)
                    waiting.append(push(.node(body), on: further))
                }
            case .bytes, .scalar: reading.insert(stack)
            case .text(_, _, let scalar):
                reading.insert(stack)
                if scalar.isEmpty { waiting.append(cell.rest) }
            }
        }
        return (reading, seen.contains(Self.bottom))
    }

    private mutating func expanded(_ index: Int, on rest: Int) -> [Int] {
        switch nodes[index] {
        case .empty: return [rest]
        case .never: return []
        case .bytes: return [push(.bytes(index, offset: 0), on: rest)]
        case .scalars: return [push(.scalar(index, []), on: rest)]
        case .sequence(let parts):
            var stack = rest
            for part in parts.reversed() { stack = push(.node(part), on: stack) }
            return [stack]
        case .choice(let branches): return branches.map { push(.node($0), on: rest) }
        case .repetition: return [push(.turn(index, count: 0), on: rest)]
        case .rule(let rule): return [push(.node(bodies[rule]), on: rest)]
        case .without: return [push(.text(index, tail: [], scalar: []), on: rest)]
        }
    }

    private mutating func advance(_ cell: Cell, _ byte: UInt8) -> [Int] {
        switch cell.task {
        case .node, .turn: return []
        case .bytes(let index, let offset):
            guard case .bytes(let bytes) = nodes[index], bytes[offset] == byte else { return [] }
            return [offset + 1 == bytes.count ? cell.rest : push(.bytes(index, offset: offset + 1), on: cell.rest)]
        case .scalar(let index, let before):
            guard case .scalars(let set) = nodes[index] else { return [] }
            let bytes = before + [byte]
            guard let (range, isComplete) = Self.scalars(beginningWith: bytes), set.overlaps(range) else { return [] }
            return [isComplete ? cell.rest : push(.scalar(index, bytes), on: cell.rest)]
        case .text(let index, let tail, let scalar):
            guard case .without(let texts) = nodes[index] else { return [] }
            let bytes = scalar + [byte]
            guard let (range, isComplete) = Self.scalars(beginningWith: bytes), ScalarSet.all.overlaps(range) else {
                return []
            }
            let read = tail + [byte]
            if texts.contains(where: { read.suffix($0.count) == $0[...] }) { return [] }
            let kept = Array(read.suffix(max(0, (texts.map(\.count).max() ?? 0) - 1)))
            return [push(.text(index, tail: kept, scalar: isComplete ? [] : bytes), on: cell.rest)]
        }
    }

    /// The scalars whose UTF-8 begins with these bytes, and whether they are all of it.
    private static func scalars(beginningWith bytes: [UInt8]) -> (ClosedRange<UInt32>, Bool)? {
        let first = bytes[0]
        let (count, least): (Int, UInt32) =
            switch first {
            case 0..<0x80: (1, 0)
            case 0xC0..<0xE0: (2, 0x80)
            case 0xE0..<0xF0: (3, 0x800)
            case 0xF0..<0xF8: (4, 0x10000)
            default: (0, 0)
            }
        guard count > 0, bytes.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) else { return nil }
        var value = count == 1 ? UInt32(first) : UInt32(first) & (0x7F >> UInt32(count))
        for byte in bytes.dropFirst() { value = value << 6 | UInt32(byte & 0x3F) }
        let open = UInt32(6 * (count - bytes.count))
        let (low, high) = (max(value << open, least), (value + 1) << open - 1)
        return low <= high ? (low...high, bytes.count == count) : nil
    }
}

extension ScalarSet {
    fileprivate func overlaps(_ range: ClosedRange<UInt32>) -> Bool { ranges.contains { $0.overlaps(range) } }
}
