import ApusCore
import ApusJSON
import Testing

@testable import ApusText

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What Tests/Fixtures/tokenizers/make_tokenizer_goldens.py wrote.
enum TokenizerFixtures {
    static let names = [
        "llama3", "qwen2", "roberta", "o200k", "deepseek", "bert", "xlmr", "unigram_bytes", "llama2", "gemma", "mixed",
    ]

    static let directory = String(
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
            + "/Fixtures/tokenizers/")

    static func bytes(_ name: String) -> [UInt8] {
        guard let file = fopen(directory + name, "rb") else { return [] }
        defer { fclose(file) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { result += buffer[..<count] }
        return result
    }

    static func words(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) }
        }
    }

    static let corpus: [String] = {
        let data = bytes("corpus.bin")
        var strings: [String] = []
        var offset = 0
        while offset < data.count {
            let count = Int(words(Array(data[offset..<offset + 4]))[0])
            strings.append(String(decoding: data[offset + 4..<offset + 4 + count], as: UTF8.self))
            offset += 4 + count
        }
        return strings
    }()

    static func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(json: try JSONValue(parsing: bytes(name + ".json")))
    }

    /// Ids at random, as the script draws them.
    static func randomSequence(_ generator: inout SplitMix64, below size: Int) -> [Int32] {
        (0..<generator.next() % 24).map { _ in Int32(generator.next() % UInt64(size)) }
    }
}

/// The script's digest: CRC-32 (IEEE 802.3) of 32-bit counts, ids and texts.
struct Digest {
    private(set) var value: UInt32 = 0

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    mutating func add(_ ids: [Int32]) {
        add(UInt32(ids.count))
        ids.withUnsafeBytes { add($0) }  // little endian, as all machines that run this
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            add(UInt32(bytes.count))
            add(UnsafeRawBufferPointer(bytes))
        }
    }

    private mutating func add(_ word: UInt32) {
        withUnsafeBytes(of: word.littleEndian) { add($0) }
    }

    /// A plain loop: this runs millions of times in debug builds.
    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var state = ~value
        var offset = 0
        Self.table.withUnsafeBufferPointer { table in
            while offset < bytes.count {
                state = table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[offset])] ^ state >> 8
                offset += 1
            }
        }
        value = ~state
    }
}
