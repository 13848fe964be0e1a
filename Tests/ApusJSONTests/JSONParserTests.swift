import ApusJSON
import Testing

@Suite struct JSONParserTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", true), ("\t\r\nfalse", false), ("0", 0), ("-0", 0), ("-12", -12),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)), ("1.0", 1.0),
            ("-0.0", -0.0), ("1e2", 100.0), ("1E+2", 100.0), ("12.5e-1", 1.25), ("0.1", 0.1), ("0e0", 0.0),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)), ("5e-324", .double(.leastNonzeroMagnitude)),
            ("1e-400", 0.0), ("\"\"", ""), ("\"a b\"", "a b"), ("\"é€😀\"", "é€😀"),
            ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\u0000""#, "\0"),
            (#""\uD83D\uDE00""#, "😀"), (#""\ud83d\ude00!""#, "😀!"), (#""\uD83D""#, "\u{FFFD}"),
            (#""\uDE00x""#, "\u{FFFD}x"), (#""\uD83D\u0041""#, "\u{FFFD}A"), (#""\uD83D\uD83D\uDE00""#, "\u{FFFD}😀"),
            (#""\uD83D\n""#, "\u{FFFD}\n"), (#""\uFFFE\uffff""#, "\u{FFFE}\u{FFFF}"), ("[]", []), ("[ ]", []),
            ("[1,[2],{}]", [1, [2], [:]]), ("[ 1 , 2 ]", [1, 2]), ("{}", [:]), ("{ }", [:]),
            (#"{"a":1,"b":[true,null]}"#, ["a": 1, "b": [true, nil]]), (#"{ "a" : { "b" : "c" } }"#, ["a": ["b": "c"]]),
            (#"{"":0}"#, ["": 0]), (#"{"a":1,"a":2}"#, ["a": 2]),
        ] as [(String, JSONValue)])
    func accepts(_ text: String, _ expected: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == expected)
        #expect(try JSONValue(parsing: Array(text.utf8)) == expected)
        #expect(try JSONValue(parsing: Array(text.utf8).span.bytes) == expected)
    }

    @Test(
        arguments: [
            ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[", .unexpectedEnd, 1),
            ("[1", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("{\"a\"", .unexpectedEnd, 4),
            ("{", .unexpectedEnd, 1),
            ("{\"a\":", .unexpectedEnd, 5), ("{\"a\":1", .unexpectedEnd, 6), ("\"a", .unexpectedEnd, 2),
            ("\"\\", .unexpectedEnd, 2), ("\"\\u12", .unexpectedEnd, 5), ("tru", .unexpectedEnd, 3),
            ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("1e", .unexpectedEnd, 2), ("1e+", .unexpectedEnd, 3),
            ("nul!", .unexpectedByte(33, expected: "'null'"), 3), ("[1,]", .unexpectedByte(93, expected: "a value"), 3),
            ("[1 2]", .unexpectedByte(50, expected: "',' or ']'"), 3),
            ("[,1]", .unexpectedByte(44, expected: "a value"), 1),
            ("{a:1}", .unexpectedByte(97, expected: "a key"), 1),
            ("{\"a\":1,}", .unexpectedByte(125, expected: "a key"), 7),
            ("{\"a\" 1}", .unexpectedByte(49, expected: "':'"), 5),
            ("{\"a\":1 \"b\":2}", .unexpectedByte(34, expected: "',' or '}'"), 7),
            ("'a'", .unexpectedByte(39, expected: "a value"), 0), ("+1", .unexpectedByte(43, expected: "a value"), 0),
            (".5", .unexpectedByte(46, expected: "a value"), 0), ("-.5", .unexpectedByte(46, expected: "a digit"), 1),
            ("1.e1", .unexpectedByte(101, expected: "a digit"), 2),
            ("// x\n1", .unexpectedByte(47, expected: "a value"), 0),
            ("\u{FEFF}1", .unexpectedByte(0xEF, expected: "a value"), 0), ("1\u{A0}", .trailingText, 1),
            ("1 2", .trailingText, 2), ("{}}", .trailingText, 2), ("1x", .trailingText, 1), ("0x10", .trailingText, 1),
            ("NaN", .notANumber("NaN"), 0), ("[Infinity]", .notANumber("Infinity"), 1),
            ("-Infinity", .notANumber("-Infinity"), 0),
            ("01", .leadingZero, 0), ("-00.5", .leadingZero, 1), ("[1,007]", .leadingZero, 3),
            ("9223372036854775808", .integerTooLarge("9223372036854775808"), 0),
            ("-9223372036854775809", .integerTooLarge("-9223372036854775809"), 0),
            ("[18446744073709551616]", .integerTooLarge("18446744073709551616"), 1),
            ("1e999", .numberTooLarge("1e999"), 0), ("-1.5e308000", .numberTooLarge("-1.5e308000"), 0),
            ("\"a\nb\"", .controlCharacter(10), 2), ("\"\u{0}\"", .controlCharacter(0), 1),
            ("\"\\n\t\"", .controlCharacter(9), 3), (#""\x""#, .invalidEscape, 1), (#""\u12G4""#, .invalidEscape, 1),
            (#""\u+123""#, .invalidEscape, 1), ("{\"a\n\":1}", .controlCharacter(10), 3),
        ] as [(String, JSONError.Reason, Int)])
    func refuses(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
        #expect(throws: JSONError(reason: reason, offset: offset)) { try JSONValue(parsing: text) }
    }

    @Test(
        arguments: [
            [0x80], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
            [0x5C, 0x6E, 0xC3],
        ] as [[UInt8]])
    func refusesInvalidUTF8(_ bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError(reason: .invalidUTF8, offset: 1)) {
            try JSONValue(parsing: [quote] + bytes + [quote])
        }
    }

    @Test func boundsDepth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(128))
        #expect(throws: JSONError(reason: .tooDeep(limit: 128), offset: 128)) { try JSONValue(parsing: nested(129)) }
        #expect(throws: JSONError(reason: .tooDeep(limit: 128), offset: 128 * 5)) {
            try JSONValue(parsing: String(repeating: "{\"a\":", count: 100_000))
        }
        var options = JSONParser.Options()
        options.maximumDepth = 0
        #expect(try JSONValue(parsing: "1", options: options) == 1)
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[]", options: options) }
    }

    @Test func readsLargeIntegersAsDoublesInFiles() throws {
        let value = try JSONValue(parsing: "1000000000000000019884624838656", options: .files)
        #expect(value == .double(1e30))
        #expect(try JSONValue(parsing: "-9223372036854775808", options: .files) == .integer(.min))
        #expect(throws: JSONError.self) { try JSONValue(parsing: "NaN", options: .files) }
    }

    @Test func describesErrors() {
        #expect(message("[1,]") == "unexpected ']', expected a value at byte 3")
        #expect(message("[NaN]") == "NaN is not valid JSON at byte 1")
        #expect(message("\u{1}") == "unexpected byte 0x01, expected a value at byte 0")
        #expect(
            message(String(repeating: "9", count: 50))
                == "integer \(String(repeating: "9", count: 40))… does not fit 64 bits at byte 0")
    }

    private func message(_ text: String) -> String? {
        do {
            _ = try JSONValue(parsing: text)
            return nil
        } catch {
            return error.description
        }
    }
}
