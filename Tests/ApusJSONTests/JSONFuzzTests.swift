import ApusJSON
import ApusTestSupport
import Testing

@Suite struct JSONFuzzTests {
    @Test func whatIsWrittenReadsBackEqual() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<2000 {
            let value = random.jsonValue(depth: 4)
            let bytes = value.serialized
            let again = try JSONValue(parsing: bytes)
            #expect(again == value)
            #expect(again.serialized == bytes)
            #expect(again.hashValue == value.hashValue)
        }
    }

    /// Damaged documents are read or refused, never trapped on, and an offset lies within the input.
    @Test func survivesMutatedBytes() {
        var random = SeededRandom(seed: 2)
        var refused = 0
        for _ in 0..<4000 {
            var bytes = random.jsonValue(depth: 3).serialized
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                case 2: bytes.insert(Array("\"\\{}[]:,-eu0".utf8).randomElement(using: &random)!, at: index)
                default: if bytes.count > 1 { bytes.removeSubrange(index...) }
                }
                if bytes.isEmpty { bytes = [UInt8(ascii: "1")] }
            }
            do {
                let value = try JSONValue(parsing: bytes)
                #expect((try? JSONValue(parsing: value.serialized)) == value)
            } catch {
                refused += 1
                #expect((0...bytes.count).contains(error.offset))
            }
        }
        #expect(refused > 1000)
    }
}

extension SeededRandom {
    fileprivate mutating func jsonValue(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &self) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &self))
        case 2: return .integer(Int64(bitPattern: next()) >> Int64.random(in: 0..<64, using: &self))
        case 3: return .double(finiteDouble())
        case 4: return .string(string())
        case 5, 6: return .array((0..<Int.random(in: 0..<6, using: &self)).map { _ in jsonValue(depth: depth - 1) })
        default:
            let count = Int.random(in: 0..<20, using: &self)
            return .object(JSONObject((0..<count).map { _ in (string(), jsonValue(depth: depth - 1)) }))
        }
    }

    private mutating func finiteDouble() -> Double {
        let value = Double(bitPattern: next())
        return value.isFinite ? value : 0.5
    }

    private mutating func string() -> String {
        let scalars = (0..<Int.random(in: 0..<12, using: &self)).compactMap { _ in
            Unicode.Scalar(
                UInt32.random(in: 0..<[0x30, 0x80, 0x800, 0x110000].randomElement(using: &self)!, using: &self))
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
