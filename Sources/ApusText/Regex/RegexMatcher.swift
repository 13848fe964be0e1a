import ApusRegex

/// Runs a `Regex` over one text. Keeps its stack between calls; make one for each text.
struct RegexMatcher {
    let regex: Regex
    let text: UnsafeBufferPointer<UInt8>
    private var stack: [Choice] = []
    private(set) var marks: [Int]
    /// Something depended on where the text ends: with more text the answer may be another.
    var sawEnd = false
    /// Steps that may still be taken. With none left there is no match.
    var stepsLeft: Int

    /// Where to go on when the way taken fails: at instruction `next`, at `offset` or, in a loop, at any border of
    /// scalars from there down to `lowest`. A negative `next` is no choice but a mark, -1 - `next`, to set back to
    /// `offset`.
    private struct Choice {
        var next: Int32
        var offset: Int
        var lowest: Int

        var isMark: Bool { next < 0 }
    }

    /// `text` is valid UTF-8 and outlives this value.
    init(_ regex: Regex, _ text: UnsafeBufferPointer<UInt8>, steps: Int = .max) {
        self.regex = regex
        self.text = text
        stepsLeft = steps
        marks = Array(repeating: -1, count: regex.markCount)
    }

    /// Whether a match begins at `offset`, which must be the border of two scalars.
    mutating func matches(at offset: Int) -> Bool { match(at: offset, instruction: 0) != nil }

    /// The next match that begins at `start` or later. An empty match right after `previousEnd` is no match.
    mutating func nextMatch(from start: Int, previousEnd: Int?) -> Range<Int>? {
        var offset = start
        while offset <= text.count {
            if let end = match(at: offset, instruction: 0), end > offset || offset != previousEnd {
                return offset..<end
            }
            if offset == text.count { return nil }
            offset = text.scalar(at: offset).next
        }
        return nil
    }

    /// All matches, in order, that do not overlap.
    mutating func forEachMatch(_ body: (Range<Int>) -> Void) {
        var offset = 0
        var previousEnd: Int?
        while let match = nextMatch(from: offset, previousEnd: previousEnd) {
            body(match)
            previousEnd = match.upperBound
            if !match.isEmpty {
                offset = match.upperBound
            } else if match.upperBound < text.count {
                offset = text.scalar(at: match.upperBound).next
            } else {
                return
            }
        }
    }

    /// The end of the match that begins at `offset`, if there is one. Marks that it set remain then, and can be set back
    /// by those who called unless they are at the bottom.
    private mutating func match(at offset: Int, instruction: Int) -> Int? {
        let base = stack.count
        var offset = offset
        var counter = instruction
        while true {
            let instruction = regex.instructions[counter]
            counter += 1
            stepsLeft -= 1
            var succeeds = stepsLeft > 0
            switch instruction.operation {
            case .scalar:
                let (code, next) = read(offset)
                succeeds = code == UInt32(bitPattern: instruction.first)
                offset = next
            case .set:
                let (code, next) = read(offset)
                succeeds = code != .max && regex.sets[Int(instruction.first)].contains(code)
                offset = next
            case .loop, .possessiveLoop:
                succeeds = loop(instruction, &offset, next: Int32(counter))
            case .split:
                stack.append(Choice(next: instruction.second, offset: offset, lowest: offset))
                counter = Int(instruction.first)
            case .jump: counter = Int(instruction.first)
            case .inner, .behind:
                succeeds = inner(instruction, &offset, at: counter)
                counter = Int(instruction.first)
            case .lookbehind:
                let isMember = offset > 0 && isMember(before: offset, set: Int(instruction.first))
                succeeds = isMember == (instruction.second == 0)
            case .assertion: succeeds = holds(instruction.first, at: offset)
            case .mark:
                let number = Int(instruction.first)
                stack.append(Choice(next: -1 - instruction.first, offset: marks[number], lowest: marks[number]))
                marks[number] = offset
            case .progress where marks[Int(instruction.first)] == offset:
                succeeds = instruction.second >= 0
                if succeeds { counter = Int(instruction.second) }
            case .progress: break
            case .reference: succeeds = repeats(instruction, &offset)
            case .conditional:
                if group(instruction.first) == nil { counter = Int(instruction.second) }
            case .accept:
                dropChoices(to: base)
                return offset
            }
            if !succeeds {
                guard let choice = backtrack(to: base) else { return nil }
                (counter, offset) = choice
            }
        }
    }

    /// A match of its own inside the pattern.
    private mutating func inner(_ instruction: Regex.Instruction, _ offset: inout Int, at counter: Int) -> Bool {
        let base = stack.count
        var start = offset
        if instruction.operation == .behind {
            for _ in 0..<instruction.third {
                guard start > 0 else { return instruction.second == 1 }
                guard stepsLeft > 0 else { return false }
                stepsLeft -= 1
                start = text.offset(before: start)
            }
        }
        let end = match(at: start, instruction: counter)
        if instruction.second == 1 {
            // What the groups in there matched is forgotten.
            _ = backtrack(to: base)
            return end == nil
        }
        if instruction.second == 2, let end { offset = end }
        return end != nil
    }

    /// The scalar at `offset` and where the next begins; at the end of the text one that there is not.
    @inline(__always)
    private mutating func read(_ offset: Int) -> (code: UInt32, next: Int) {
        guard offset < text.count else {
            sawEnd = true
            return (.max, offset)
        }
        return text.scalar(at: offset)
    }

    /// What a group matched; nil: nothing.
    func group(_ mark: Int32) -> Range<Int>? {
        let (start, end) = (marks[Int(mark)], marks[Int(mark) + 1])
        return start >= 0 && end >= start ? start..<end : nil
    }

    /// Leaves the marks above `base`, so that they can be set back.
    private mutating func dropChoices(to base: Int) {
        var kept = base
        for index in base..<stack.count where stack[index].isMark {
            stack[kept] = stack[index]
            kept += 1
        }
        stack.removeSubrange(kept...)
    }

    /// The last choice that is open, above `base`.
    private mutating func backtrack(to base: Int) -> (Int, Int)? {
        while stack.count > base {
            let last = stack.count - 1
            let choice = stack[last]
            if choice.offset > choice.lowest {
                stack[last].offset = text.offset(before: choice.offset)
                return (Int(choice.next), choice.offset)
            }
            stack.removeLast()
            if !choice.isMark { return (Int(choice.next), choice.offset) }
            marks[Int(-1 - choice.next)] = choice.offset
        }
        return nil
    }

    private mutating func loop(_ instruction: Regex.Instruction, _ offset: inout Int, next: Int32) -> Bool {
        let set = regex.sets[Int(instruction.first)]
        var count: Int32 = 0
        var lowest = offset
        while count != instruction.third {
            let (code, after) = read(offset)
            guard code != .max, set.contains(code) else { break }
            offset = after
            count += 1
            if count == instruction.second { lowest = offset }
        }
        stepsLeft -= Int(count)
        guard count >= instruction.second else { return false }
        if offset > lowest, instruction.operation == .loop {
            stack.append(Choice(next: next, offset: text.offset(before: offset), lowest: lowest))
        }
        return true
    }
}
