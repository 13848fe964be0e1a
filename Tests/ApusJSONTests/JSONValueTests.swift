import ApusJSON
import Testing

@Suite struct JSONValueTests {
    @Test(
        arguments: [
            (.null, "null"), (true, "true"), (-7, "-7"), (.integer(.min), "-9223372036854775808"), (1.0, "1.0"),
            (-0.0, "-0.0"), (0.1, "0.1"), (1e-5, "1e-05"), (1e22, "1e+22"), (.double(.nan), "null"),
            (.double(-.infinity), "null"),
            ("a\"\\/\n\r\t\u{8}\u{C}\u{1}\u{1F}\u{7F}é", #""a\"\\/\n\r\t\b\f\u0001\u001f"# + "\u{7F}é\""),
            ([], "[]"), ([1, [:], ["a": nil]], #"[1,{},{"a":null}]"#),
        ] as [(JSONValue, String)])
    func writesCompactly(_ value: JSONValue, _ expected: String) {
        #expect(value.description == expected)
    }

    @Test func accessorsAnswerOnlyTheirType() {
        let value: JSONValue = ["i": 3, "d": 2.0, "s": "x", "b": true, "n": nil, "a": [1, 2], "o": ["k": "v"]]
        #expect(value["i"]?.intValue == 3)
        #expect(value["i"]?.doubleValue == 3)
        #expect(value["d"]?.doubleValue == 2)
        #expect(value["d"]?.intValue == nil)
        #expect(value["s"]?.stringValue == "x")
        #expect(value["b"]?.boolValue == true)
        #expect(value["b"]?.intValue == nil)
        #expect(value["n"]?.isNull == true)
        #expect(value["a"]?[1] == 2)
        #expect(value["a"]?[2] == nil)
        #expect(value["o"]?["k"]?.stringValue == "v")
        #expect(value["missing"] == nil)
        #expect(value.arrayValue == nil)
        #expect(JSONValue(UInt64.max) == .double(Double(UInt64.max)))
        #expect(JSONValue(UInt8(7)) == 7)
    }

    @Test func equalityKeepsTypesAndScalarsApart() {
        #expect(JSONValue.integer(1) != .double(1))
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect((["a": 1, "b": 2] as JSONValue) == ["b": 2, "a": 1])
        #expect((["a": 1, "b": 2] as JSONValue).hashValue == (["b": 2, "a": 1] as JSONValue).hashValue)
        #expect((["a": 1] as JSONValue) != ["a": 1, "b": 2])
    }
}

@Suite struct JSONObjectTests {
    @Test func keepsInsertionOrder() {
        var object: JSONObject = ["z": 1, "a": 2]
        object["m"] = 3
        object["z"] = 4
        #expect(object.keys == ["z", "a", "m"])
        #expect(object.description == #"{"z":4,"a":2,"m":3}"#)
        object["a"] = nil
        #expect(object.keys == ["z", "m"])
        object["n"] = .null
        #expect(object["n"] == .null)
    }

    @Test func tellsCanonicallyEquivalentKeysApart() {
        var object = JSONObject()
        object["\u{E9}"] = 1
        object["e\u{301}"] = 2
        #expect(object.count == 2)
        #expect(object["\u{E9}"] == 1)
        #expect(object["e\u{301}"] == 2)
    }

    /// Sizes around the switch from linear search to hashing, with removals, against a dictionary.
    @Test(arguments: [7, 8, 9, 31, 1000])
    func findsEveryKey(count: Int) {
        var object = JSONObject()
        for index in 0..<count { object["key\(index)"] = JSONValue(index) }
        #expect((0..<count).allSatisfy { object["key\($0)"] == JSONValue($0) })
        #expect(object["key\(count)"] == nil)
        for index in stride(from: 0, to: count, by: max(count / 7, 2)) { object["key\(index)"] = nil }
        for index in 0..<count {
            let removed = index % max(count / 7, 2) == 0
            #expect(object["key\(index)"] == (removed ? JSONValue?.none : JSONValue(index)))
        }
        object["new"] = true
        #expect(object["new"] == true)
        #expect(object.members.last?.key == "new")
    }
}
