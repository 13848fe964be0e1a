// Python strings are sequences of code points; so are these.

typealias Scalars = [Unicode.Scalar]

extension String {
    var scalars: Scalars { Array(unicodeScalars) }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }
}

extension Unicode.Scalar {
    /// str.isspace() of one character: the bidirectional classes WS, B, S or the category Zs.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
            true
        default: false
        }
    }
}

extension Scalars {
    /// First place at or after `start` where `part` stands.
    func firstRange(of part: Scalars, from start: Int) -> Range<Int>? {
        guard start >= 0, part.count <= count - start else { return nil }
        if part.isEmpty { return start..<start }
        for position in start...(count - part.count)
        where self[position] == part[0] && self[position..<position + part.count].elementsEqual(part) {
            return position..<position + part.count
        }
        return nil
    }

    /// Last place where `part` stands before `end`.
    func lastRange(of part: Scalars, before end: Int) -> Range<Int>? {
        var position = end - part.count
        while position >= 0 {
            if self[position..<position + part.count].elementsEqual(part) { return position..<position + part.count }
            position -= 1
        }
        return nil
    }

    /// Without the characters of `set` (white space when nil) at the ends named.
    func stripped(_ set: Scalars? = nil, start: Bool = true, end: Bool = true) -> ArraySlice<Unicode.Scalar> {
        func drops(_ scalar: Unicode.Scalar) -> Bool { set.map { $0.contains(scalar) } ?? scalar.isPythonSpace }
        var slice = self[...]
        if start { slice = slice.drop(while: drops) }
        while end, let last = slice.last, drops(last) { slice.removeLast() }
        return slice
    }
}
