import ApusCheckpoint
import ApusCore
import ApusTestSupport
import Testing

struct SafetensorsTests {
    private let directory = TemporaryDirectory()

    private func open(_ bytes: [UInt8]) throws -> Safetensors {
        directory.write(bytes, to: "file")
        return try Safetensors(MappedFile(path: "\(directory.path)/file"))
    }

    private func failure(_ bytes: [UInt8]) -> String? {
        do {
            _ = try open(bytes)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func failure(header: String, data: [UInt8] = []) -> String? {
        failure(SafetensorsFile.bytes(header: header, data: data))
    }

    @Test func readsEntriesInTheOrderOfTheirBytes() throws {
        var file = SafetensorsFile()
        file.add("z", type: "F32", shape: [2, 1], bytes: [1, 2, 3, 4, 5, 6, 7, 8])
        file.add("a", type: "BF16", shape: [3], bytes: [9, 10, 11, 12, 13, 14])
        file.add("scalar", type: "F16", shape: [], bytes: [15, 16])
        file.add("empty", type: "F32", shape: [0, 7], bytes: [])
        file.add("mask", type: "BOOL", shape: [1], bytes: [1])
        let entries = try open(file.bytes).entries
        #expect(entries.map(\.name) == ["z", "a", "scalar", "empty", "mask"])
        #expect(entries.map(\.elementType) == [.float32, .bfloat16, .float16, .float32, nil])
        #expect(entries[0].shape == [2, 1])
        let bytes = file.bytes
        #expect(Array(bytes[entries[1].range]) == [9, 10, 11, 12, 13, 14])
    }

    @Test(arguments: [
        ([], "it has 0 bytes"),
        ([1, 2, 3], "it has 3 bytes"),
        ([255, 255, 255, 255, 255, 255, 255, 255], "its header would have 18446744073709551615 bytes"),
        ([0, 0, 0, 0, 1, 0, 0, 0], "its header would have 4294967296 bytes"),
        ([9, 0, 0, 0, 0, 0, 0, 0, 123, 125], "its header should end at byte 17, the file has 10"),
        ([2, 0, 0, 0, 0, 0, 0, 0, 91, 93], "its header is no object"),
    ])
    func refusesBadFrames(_ bytes: [UInt8], _ reason: String) {
        #expect(failure(bytes) == "\(directory.path)/file: not a safetensors file: \(reason)")
    }

    @Test(arguments: [
        (#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, "tensor a: no dtype"),
        (#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, "tensor a: unknown dtype F31"),
        (#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, "tensor a: no shape"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "tensor a: a dimension is -1"),
        (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, "tensor a: a dimension is 1.0"),
        (
            #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#,
            "tensor a: its shape [4294967296, 4294967296] is too large"
        ),
        (#"{"a":{"dtype":"F32","shape":[1]}}"#, "tensor a: no data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}"#, "tensor a: no data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, "tensor a: data_offsets 4, 0"),
        (
            #"{"a":{"dtype":"F32","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}"#,
            "tensor a: data_offsets 9223372036854775807, 9223372036854775807"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
            "tensor a: shape [2] in F32 is 8 bytes, data_offsets say 4"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#,
            "tensor b begins at byte 116 instead of 118"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#,
            "header: second member named 'a' at byte 56"
        ),
        (#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, "3 bytes follow its last tensor"),
    ])
    func refusesBadHeaders(_ header: String, _ reason: String) {
        #expect(
            failure(header: header, data: [0, 0, 0, 0]) == "\(directory.path)/file: not a safetensors file: \(reason)")
    }

    @Test func namesTheTensorWhereAFileIsCut() throws {
        var file = SafetensorsFile()
        file.add("first", shape: [4])
        file.add("second", shape: [4])
        let bytes = file.bytes
        #expect(
            failure(Array(bytes.dropLast())) == "\(directory.path)/file: truncated: tensor second ends at byte "
                + "\(bytes.count), the file has \(bytes.count - 1)")
    }

    /// Any header gives entries inside the file, or one error.
    @Test(arguments: 0..<8)
    func survivesMutatedFiles(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var file = SafetensorsFile()
        file.add("model.embed_tokens.weight", shape: [3, 4])
        file.add("model.norm.weight", type: "F32", shape: [2], bytes: [UInt8](repeating: 1, count: 8))
        let original = file.bytes
        var accepted = 0
        for _ in 0..<400 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = .random(in: 0...255, using: &random)
                case 1: bytes[place] = "0123456789[]{},:\"-.".utf8.randomElement(using: &random)!
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &random)))
                default: bytes.insert(bytes[bytes.count - 1 - place], at: place)
                }
                if bytes.isEmpty { break }
            }
            guard let safetensors = try? open(bytes) else { continue }
            accepted += 1
            for entry in safetensors.entries {
                #expect(entry.range.lowerBound >= 8 && entry.range.upperBound <= bytes.count, "seed \(seed)")
            }
        }
        #expect(accepted < 200, "mutations that change nothing are rare")
    }
}
