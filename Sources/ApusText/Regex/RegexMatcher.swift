import ApusRegex

/// Runs a `Regex` over one text. Keeps its stack between calls; make one for each text.
struct RegexMatcher {
    private let regex: Regex
    private let text: UnsafeBufferPointer<UInt8>
    private var stack: [Choice] = []
    private var marks: [Int]

    /// Where to go on when the way taken fails: at instruction `next`, at `offset` or, in a loop, at any border of
    /// scalars from there down to `lowest`. A negative `next` is no choice but a mark, -1 - `next`, to set back to
    /// `offset`.
    private struct Choice {
        var next: Int32
        var offset: Int
        var lowest: Int
    }

    /// `text` is valid UTF-8 and outlives this value.
    init(_ regex: Regex, _ text: UnsafeBufferPointer<UInt8>) {
        self.regex = regex
        self.text = text
        marks = Array(repeating: -1, count: regex.markCount)
    }

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

    /// The end of the match that begins at `offset`, if there is one.
    private mutating func match(at offset: Int, instruction: Int) -> Int? {
        let base = stack.count
        defer { stack.removeSubrange(base...) }
        var offset = offset
        var counter = instruction
        while true {
            let instruction = regex.instructions[counter]
            counter += 1
            var succeeds = true
            switch instruction.operation {
            case .scalar:
                let (code, next) = offset < text.count ? text.scalar(at: offset) : (.max, offset)
                succeeds = code == UInt32(bitPattern: instruction.first)
                offset = next
            case .set:
                succeeds = offset < text.count
                if succeeds {
                    let (code, next) = text.scalar(at: offset)
                    succeeds = regex.sets[Int(instruction.first)].contains(code)
                    offset = next
                }
            case .loop, .possessiveLoop:
                succeeds = loop(instruction, &offset, next: Int32(counter))
            case .split:
                stack.append(Choice(next: instruction.second, offset: offset, lowest: offset))
                counter = Int(instruction.first)
            case .jump: counter = Int(instruction.first)
            case .inner:
                let end = match(at: offset, instruction: counter)
                succeeds = (end != nil) == (instruction.second != 1)
                if instruction.second == 2, let end { offset = end }
                counter = Int(instruction.first)
            case .lookbehind:
                let isMember = offset > 0 && isMember(before: offset, set: Int(instruction.first))
                succeeds = isMember == (instruction.second == 0)
            case .assertion: succeeds = holds(instruction.first, at: offset)
            case .mark:
                let number = Int(instruction.first)
                stack.append(Choice(next: -1 - instruction.first, offset: marks[number], lowest: marks[number]))
                marks[number] = offset
            case .progress: succeeds = marks[Int(instruction.first)] != offset
            case .accept: return offset
            }
            if !succeeds {
                guard let choice = backtrack(to: base) else { return nil }
                (counter, offset) = choice
            }
        }
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
            if choice.next >= 0 { return (Int(choice.next), choice.offset) }
            marks[Int(-1 - choice.next)] = choice.offset
        }
        return nil
    }

    private mutating func loop(_ instruction: Regex.Instruction, _ offset: inout Int, next: Int32) -> Bool {
        let set = regex.sets[Int(instruction.first)]
        var count: Int32 = 0
        var lowest = offset
        while offset < text.count, count != instruction.third {
            let (code, after) = text.scalar(at: offset)
            guard set.contains(code) else { break }
            offset = after
            count += 1
            if count == instruction.second { lowest = offset }
        }
        guard count >= instruction.second else { return false }
        if offset > lowest, instruction.operation == .loop {
            stack.append(Choice(next: next, offset: text.offset(before: offset), lowest: lowest))
        }
        return true
    }

    private func isMember(before offset: Int, set: Int) -> Bool {
        regex.sets[set].contains(text.scalar(at: text.offset(before: offset)).code)
    }

    private func holds(_ assertion: Int32, at offset: Int) -> Bool {
        let newline = UInt8(ascii: "\n")
        switch RegexNode.Assertion(rawValue: assertion) {
        case .lineStart: return offset == 0 || (text[offset - 1] == newline && offset < text.count)
        case .lineEnd: return offset == text.count || text[offset] == newline
        case .textStart: return offset == 0
        case .textEnd: return offset == text.count
        case .textEndOrLastBreak:
            return offset == text.count || (offset == text.count - 1 && text[offset] == newline)
        case .wordBorder: return isWordBorder(offset)
        case .noWordBorder: return !isWordBorder(offset)
        case nil: preconditionFailure("no assertion \(assertion)")
        }
    }

    private func isWordBorder(_ offset: Int) -> Bool {
        let before = offset > 0 && isMember(before: offset, set: 0)
        let after = offset < text.count && regex.sets[0].contains(text.scalar(at: offset).code)
        return before != after
    }
}
