/// Where an automaton may be while it reads a text: sets of states, each on top of a stack of callers.
///
/// Stacks share what they have in common (Tomita, "Efficient parsing for natural language", 1986): a *frame* is a
/// caller's list, each with the frame below it. Equal frames are one frame and equal sets one set, so that a number
/// stands for everything that can follow, and where a byte leads from a set is worked out once.
struct StackStore {
    typealias FrameID = Int32
    typealias SetID = Int32

    /// The set from which nothing follows.
    static let dead: SetID = -1

    /// One of the callers of a frame: where it goes on, and its own frame.
    struct Caller: Hashable {
        /// A state, or a loop; see `Automaton.encode(loop:)`.
        var destination: Int32
        var frame: FrameID
        /// Rounds that a loop has made when the one above it ends: any number of this range; else 0 ... 0.
        var fewest: Int32 = 0
        var most: Int32 = 0
    }

    /// A state and its frame.
    struct Item: Hashable, Comparable {
        var state: Int32
        var frame: FrameID

        static func < (a: Item, b: Item) -> Bool { (a.frame, a.state) < (b.frame, b.state) }
    }

    /// What can be read next, and what has been.
    struct ItemSet {
        /// The states that take bytes, in order.
        var items: [Item]
        /// Bottoms that were reached: rules without a caller that may end here.
        var ends: [FrameID]
    }

    /// More states at once mean that the text is read in too many ways.
    static let largestSet = 16384

    let automaton: Automaton
    /// Frame 0 has no caller: at the end of the rule on it all has been read.
    private(set) var frames: [[Caller]] = [[]]
    private(set) var sets: [ItemSet] = []
    /// A set was larger than may be; it became the dead one.
    private(set) var isOverwhelmed = false
    /// In this loop over frame 0 rounds are counted without limits, and its end leads to a bottom of its own for each
    /// number of rounds, which `rounds(ofBottom:)` gives.
    let freeLoop: Int?

    private var frameNumbers: [[Caller]: FrameID] = [:]
    private var singleFrames: [Caller: FrameID] = [:]
    private var bottomRounds: [FrameID: Int32] = [:]
    private var bottoms: [Int32: FrameID] = [:]
    private var setNumbers: [[Item]: [SetID]] = [:]
    /// [set][byte]: the set that follows, or `unknown`.
    private var rows: [Int32] = []

    private static let unknown: Int32 = -2

    // Memory of one closure, kept from one to the next.
    private var reached: [Item] = []
    private var seen: Set<Item> = []
    private var ends: [FrameID] = []
    private var pending: [Int32: [Caller]] = [:]
    private var waiting: [Int32] = []

    init(_ automaton: Automaton, freeLoop: Int? = nil) {
        self.automaton = automaton
        self.freeLoop = freeLoop
    }

    // MARK: - Sets

    /// The set at the beginning of a text.
    mutating func start() -> SetID {
        begin()
        enqueue(Caller(destination: .max, frame: 0), rule: automaton.root)
        return finish()
    }

    /// The closure of states of which something has been read.
    mutating func set(of items: [Item]) -> SetID {
        begin()
        for item in items { reach(item) }
        return finish()
    }

    /// One state alone, without those that it calls.
    mutating func set(at item: Item) -> SetID {
        begin()
        return number([item])
    }

    /// The frame in the first round of the free loop.
    mutating func frame(inside loop: Int) -> FrameID {
        frame(of: [Caller(destination: Automaton.encode(loop: loop), frame: 0, fewest: 1, most: 1)])
    }

    /// Where a set leads on a byte.
    mutating func step(_ set: SetID, _ byte: UInt8) -> SetID {
        guard set >= 0 else { return Self.dead }
        let index = Int(set) << 8 | Int(byte)
        let known = rows[index]
        if known != Self.unknown { return known }
        begin()
        for item in sets[Int(set)].items {
            let range = automaton.states[Int(item.state)].edges
            for edge in automaton.edges[range] where edge.low <= byte && byte <= edge.high {
                reach(Item(state: edge.target, frame: item.frame))
            }
        }
        let next = finish()
        rows[index] = next
        return next
    }

    /// The set after a rule has ended that these have called.
    mutating func afterReturn(to callers: [Caller]) -> SetID {
        begin()
        for caller in callers { goOn(caller) }
        return finish()
    }

    /// What is known of `step`; below `dead`: nothing yet.
    @inline(__always)
    func known(_ set: SetID, _ byte: UInt8) -> SetID { rows[Int(set) << 8 | Int(byte)] }

    /// The bytes that can follow.
    func nextBytes(_ set: SetID) -> ByteSet {
        var bytes = ByteSet()
        guard set >= 0 else { return bytes }
        for item in sets[Int(set)].items {
            for edge in automaton.edges[automaton.states[Int(item.state)].edges] {
                bytes.insert(edge.low...edge.high)
            }
        }
        return bytes
    }

    /// Rounds of the free loop at which a bottom was reached; nil: it is frame 0.
    func rounds(ofBottom frame: FrameID) -> Int32? { bottomRounds[frame] }

    /// A store that knows nothing but a set and its frames, which keep their meaning; for long texts.
    func compacted(keeping set: SetID) -> (store: StackStore, set: SetID) {
        var store = StackStore(automaton, freeLoop: freeLoop)
        guard set >= 0 else { return (store, set) }
        var needed: Set<FrameID> = []
        var stack = sets[Int(set)].items.map(\.frame)
        while let frame = stack.popLast() {
            guard frame != 0, needed.insert(frame).inserted else { continue }
            stack += frames[Int(frame)].map(\.frame)
        }
        // A frame is younger than those below it.
        var numbers: [FrameID: FrameID] = [0: 0]
        for frame in needed.sorted() {
            let callers = frames[Int(frame)].map { caller in
                var caller = caller
                caller.frame = numbers[caller.frame, default: 0]
                return caller
            }
            numbers[frame] = store.frame(of: callers)
        }
        store.begin()
        store.ends = sets[Int(set)].ends
        let items = sets[Int(set)].items.map { Item(state: $0.state, frame: numbers[$0.frame, default: 0]) }
        let moved = store.number(items)
        return (store, moved)
    }

    // MARK: - Closure

    private mutating func begin() {
        reached.removeAll(keepingCapacity: true)
        seen.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    private mutating func reach(_ item: Item) {
        if seen.insert(item).inserted { reached.append(item) }
    }

    /// A rule has ended, and its caller goes on.
    private mutating func goOn(_ caller: Caller) {
        guard let index = Automaton.loop(at: caller.destination) else {
            return reach(Item(state: caller.destination, frame: caller.frame))
        }
        let loop = automaton.loops[index]
        if index == freeLoop && caller.frame == 0 {
            again(index, caller, fewest: caller.fewest + 1, most: caller.most + 1)
            reach(Item(state: loop.next, frame: bottom(rounds: caller.fewest)))
            return
        }
        if caller.fewest < loop.max {
            again(index, caller, fewest: caller.fewest + 1, most: min(caller.most + 1, loop.max))
        }
        if caller.most >= loop.min { reach(Item(state: loop.next, frame: caller.frame)) }
    }

    private mutating func again(_ loop: Int, _ caller: Caller, fewest: Int32, most: Int32) {
        enqueue(
            Caller(destination: caller.destination, frame: caller.frame, fewest: fewest, most: most),
            rule: automaton.loops[loop].rule)
    }

    private mutating func enqueue(_ caller: Caller, rule: Int32) {
        if pending[rule] == nil { waiting.append(rule) }
        pending[rule, default: []].append(caller)
    }

    /// Enters what a state on a frame calls.
    private mutating func call(from item: Item) {
        for call in automaton.calls[automaton.states[Int(item.state)].calls] {
            if call.destination >= 0, automaton.states[Int(call.destination)].isFinal,
                !frames[Int(item.frame)].isEmpty
            {
                // Nothing is left to do for the caller itself: its own callers take its place, so that lists written
                // as a rule that ends with itself need no deeper stack.
                for caller in frames[Int(item.frame)] { enqueue(caller, rule: call.rule) }
            } else {
                let rounds: Int32 = call.destination < 0 ? 1 : 0
                enqueue(
                    Caller(destination: call.destination, frame: item.frame, fewest: rounds, most: rounds),
                    rule: call.rule)
            }
        }
    }

    private mutating func finish() -> SetID {
        // What was reached may be the end of a rule, and callers of callers go on.
        var index = 0
        while index < reached.count {
            let item = reached[index]
            index += 1
            guard automaton.states[Int(item.state)].isAccepting else { continue }
            let callers = frames[Int(item.frame)]
            if callers.isEmpty {
                if !ends.contains(item.frame) { ends.append(item.frame) }
            } else {
                for caller in callers { goOn(caller) }
            }
        }
        for item in reached { call(from: item) }
        var items = reached.filter { !automaton.states[Int($0.state)].edges.isEmpty }
        // Callers before callees, so that a frame is complete before anything stands on it.
        while let next = waiting.indices.min(by: { rank(waiting[$0]) < rank(waiting[$1]) }) {
            let rule = waiting.remove(at: next)
            guard let callers = pending.removeValue(forKey: rule) else { continue }
            let item = Item(state: automaton.rules[Int(rule)].start, frame: frame(of: callers))
            call(from: item)
            if !automaton.states[Int(item.state)].edges.isEmpty { items.append(item) }
        }
        guard items.count <= Self.largestSet else {
            isOverwhelmed = true
            return Self.dead
        }
        return number(items)
    }

    private func rank(_ rule: Int32) -> Int32 { automaton.rules[Int(rule)].rank }

    // MARK: - Numbers

    private mutating func number(_ list: [Item]) -> SetID {
        if list.isEmpty && ends.isEmpty { return Self.dead }
        var items = list
        if items.count > 1 {
            items.sort()
            var last: Item?
            items.removeAll { item in
                defer { last = item }
                return item == last
            }
        }
        ends.sort()
        if let candidates = setNumbers[items] {
            for candidate in candidates where sets[Int(candidate)].ends == ends { return candidate }
        }
        let id = SetID(sets.count)
        sets.append(ItemSet(items: items, ends: ends))
        setNumbers[items, default: []].append(id)
        rows.append(contentsOf: repeatElement(Self.unknown, count: 256))
        return id
    }

    private mutating func frame(of list: [Caller]) -> FrameID {
        // A text begins: nobody has called.
        if list[0].destination == .max { return 0 }
        if list.count == 1 {
            if let frame = singleFrames[list[0]] { return frame }
            frames.append(list)
            singleFrames[list[0]] = FrameID(frames.count - 1)
            return FrameID(frames.count - 1)
        }
        let callers = joined(list)
        if callers.count == 1 { return frame(of: callers) }
        if let frame = frameNumbers[callers] { return frame }
        frames.append(callers)
        frameNumbers[callers] = FrameID(frames.count - 1)
        return FrameID(frames.count - 1)
    }

    /// Each caller once; numbers of rounds that touch become one range.
    private func joined(_ list: [Caller]) -> [Caller] {
        let sorted = list.sorted {
            ($0.destination, $0.frame, $0.fewest, $0.most) < ($1.destination, $1.frame, $1.fewest, $1.most)
        }
        var callers: [Caller] = []
        for caller in sorted {
            if let last = callers.last, last.destination == caller.destination, last.frame == caller.frame,
                caller.fewest <= last.most + 1, caller.frame != 0 || freeLoop == nil || caller == last
            {
                callers[callers.count - 1].most = max(last.most, caller.most)
            } else {
                callers.append(caller)
            }
        }
        return callers
    }

    private mutating func bottom(rounds: Int32) -> FrameID {
        if let bottom = bottoms[rounds] { return bottom }
        frames.append([])
        let bottom = FrameID(frames.count - 1)
        bottoms[rounds] = bottom
        bottomRounds[bottom] = rounds
        return bottom
    }
}

/// A set of byte values.
struct ByteSet: Equatable, Sendable {
    private var words: SIMD4<UInt64> = .zero

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range { words[Int(byte) >> 6] |= 1 << UInt64(byte & 63) }
    }

    /// The members in order.
    var bytes: some Sequence<UInt8> { (0...UInt8.max).lazy.filter { contains($0) } }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte) >> 6] >> UInt64(byte & 63) & 1 == 1 }

    var count: Int { (0..<4).reduce(0) { $0 + words[$1].nonzeroBitCount } }
}
