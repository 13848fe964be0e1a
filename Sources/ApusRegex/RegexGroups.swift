/// The groups of a pattern that is being read, in the order in which they open.
struct RegexGroups {
    private(set) var count = 0
    private(set) var names: [String: Int] = [:]
    /// Those that something refers to.
    private(set) var referenced: Set<Int> = []
    /// Of those that are closed.
    private var widths: [Int: RegexWidth] = [:]
    /// While a look-behind is read: groups up to this one opened before it.
    private var lastOutside: Int?

    /// nil: there is a group of that name.
    mutating func open(_ name: String? = nil) -> Int? {
        count += 1
        guard let name else { return count }
        guard names.updateValue(count, forKey: name) == nil else { return nil }
        return count
    }

    mutating func close(_ number: Int, _ width: RegexWidth) { widths[number] = width }

    func width(of number: Int) -> RegexWidth { widths[number] ?? RegexWidth(0) }

    /// For the one who calls `leaveLookbehind`: what to give it.
    mutating func enterLookbehind() -> Int? {
        defer { lastOutside = lastOutside ?? count }
        return lastOutside
    }

    mutating func leaveLookbehind(_ outer: Int?) { lastOutside = outer }

    /// Notes that something refers to the group; says what speaks against it. A condition may name a group that comes later.
    mutating func refer(to number: Int, isCondition: Bool) -> String? {
        guard number > 0, isCondition || number <= count else { return "no group \(number)" }
        if !isCondition, widths[number] == nil { return "a back reference to a group that is open" }
        if let lastOutside, number > lastOutside || widths[number] == nil {
            return "a reference to a group that is open or inside the same look-behind"
        }
        referenced.insert(number)
        return nil
    }
}

/// How many characters a node takes, at least and at most.
struct RegexWidth {
    var minimum: Int
    var maximum: Int

    init(_ minimum: Int, _ maximum: Int) { (self.minimum, self.maximum) = (minimum, maximum) }

    init(_ width: Int) { self.init(width, width) }

    static func + (one: RegexWidth, other: RegexWidth) -> RegexWidth {
        RegexWidth(sum(one.minimum, other.minimum), sum(one.maximum, other.maximum))
    }

    /// Either of the two.
    static func | (one: RegexWidth, other: RegexWidth) -> RegexWidth {
        RegexWidth(min(one.minimum, other.minimum), max(one.maximum, other.maximum))
    }

    func repeated(_ least: Int, _ most: Int?) -> RegexWidth {
        RegexWidth(Self.product(minimum, least), most.map { Self.product(maximum, $0) } ?? (maximum == 0 ? 0 : .max))
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflows) = one.addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    private static func product(_ one: Int, _ other: Int) -> Int {
        let (product, overflows) = one.multipliedReportingOverflow(by: other)
        return overflows ? .max : product
    }
}

extension RegexNode {
    /// As Python reckons it.
    func width(_ groups: RegexGroups) -> RegexWidth {
        switch self {
        case .empty, .lookahead, .lookbehind, .assertion: RegexWidth(0)
        case .set: RegexWidth(1)
        case .sequence(let nodes): nodes.reduce(RegexWidth(0)) { $0 + $1.width(groups) }
        case .alternatives(let nodes): nodes.dropFirst().reduce(nodes[0].width(groups)) { $0 | $1.width(groups) }
        case .repeated(let node, let minimum, let maximum, _): node.width(groups).repeated(minimum, maximum)
        case .atomic(let node), .group(let node, _): node.width(groups)
        case .reference(let group, _): groups.width(of: group)
        case .conditional(_, let node, let other): node.width(groups) | other.width(groups)
        }
    }
}
