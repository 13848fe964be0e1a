/// The members of a JSON object in the order in which they were first written; a later value of an equal key replaces
/// the earlier one in its place, as Python's `dict` does.
///
/// Looking up a key is constant time at any size (a vocabulary has 150,000 members). The hash is seeded anew in each
/// process, so that a request cannot choose keys that collide.
package struct JSONObject: Sendable {
    package struct Member: Sendable, Hashable {
        package let key: String
        package var value: JSONValue

        package static func == (left: Member, right: Member) -> Bool {
            left.key.hasSameBytes(as: right.key) && left.value == right.value
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(bytesOf: key)
            hasher.combine(value)
        }
    }

    private(set) package var members: [Member] = []

    /// Open addressing with linear probing: index of a member plus one, or 0 for an empty slot. Empty while `members`
    /// is short enough for a linear search, else a power of two of at least twice the member count.
    private var slots: [UInt32] = []

    private static let linearSearchLimit = 16

    package init() {}

    package init(_ pairs: some Sequence<(String, JSONValue)>) {
        for (key, value) in pairs { self[key] = value }
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var keys: [String] { members.map(\.key) }

    /// nil for a key that is not there. Setting nil removes the member (the others keep their order, linear time);
    /// to store JSON's null, set `.null`.
    package subscript(key: String) -> JSONValue? {
        get { find(key).map { members[$0].value } }
        set {
            if let newValue {
                updateValue(newValue, forKey: key)
            } else if let index = find(key) {
                members.remove(at: index)
                rebuildSlots()
            }
        }
    }

    package mutating func updateValue(_ value: JSONValue, forKey key: String) {
        if let index = find(key) {
            members[index].value = value
            return
        }
        precondition(members.count < Int(UInt32.max))
        members.append(Member(key: key, value: value))
        if members.count <= Self.linearSearchLimit { return }
        if members.count * 2 > slots.count {
            rebuildSlots()
        } else {
            insertSlot(ofMember: members.count - 1)
        }
    }

    package mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

    private func find(_ key: String) -> Int? {
        if slots.isEmpty { return members.firstIndex { $0.key.hasSameBytes(as: key) } }
        var slot = Self.hash(key) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if members[index].key.hasSameBytes(as: key) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private mutating func rebuildSlots() {
        guard members.count > Self.linearSearchLimit else {
            slots = []
            return
        }
        var size = 32
        while size < members.count * 4 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
        for index in members.indices { insertSlot(ofMember: index) }
    }

    private mutating func insertSlot(ofMember index: Int) {
        var slot = Self.hash(members[index].key) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt32(index + 1)
    }

    private static func hash(_ key: String) -> Int {
        var hasher = Hasher()
        hasher.combine(bytesOf: key)
        return hasher.finalize()
    }
}

extension JSONObject: Sequence {
    package func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
    package var underestimatedCount: Int { count }
}

extension JSONObject: Hashable {
    /// The same members in any order.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(members.reduce(0) { $0 ^ $1.hashValue })
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
