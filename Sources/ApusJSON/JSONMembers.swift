/// Takes the members of one object in their order: a `JSONObject` keeps them, a `JSONMemberWriter` writes them.
package protocol JSONMembers {
    /// `key` comes once and holds nothing that JSON escapes.
    mutating func append(_ key: StaticString, _ value: JSONValue)
}

extension JSONObject: JSONMembers {
    package mutating func append(_ key: StaticString, _ value: JSONValue) {
        updateValue(value, forKey: key.description)
    }
}

/// Writes an object behind some bytes without building it, for answers that are made anew for each token.
package struct JSONMemberWriter: JSONMembers {
    private var output: [UInt8]
    private var isEmpty = true

    /// Takes the bytes over until `finish`.
    package init(behind output: inout [UInt8]) {
        self.output = []
        swap(&self.output, &output)
        self.output.append(UInt8(ascii: "{"))
    }

    package mutating func append(_ key: StaticString, _ value: JSONValue) {
        if !isEmpty { output.append(UInt8(ascii: ",")) }
        isEmpty = false
        output.append(UInt8(ascii: "\""))
        output.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        output.append(UInt8(ascii: "\""))
        output.append(UInt8(ascii: ":"))
        JSONWriter.append(value, to: &output)
    }

    /// All bytes, with the object at their end.
    package consuming func finish() -> [UInt8] {
        output.append(UInt8(ascii: "}"))
        return output
    }
}
