import ApusJSON
import ApusTestSupport
import Testing

@testable import ApusExperts

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct ExpertFilesTests {
    private let directory = TemporaryDirectory()

    /// Two passes of a model of two layers, the first of them dense.
    private func record(_ mode: ExpertRecorder.Mode) -> ExpertRecord {
        let recorder = ExpertRecorder(
            ExpertShape(layerCount: 2, expertCount: 3, chosen: 2), mode: mode, keepsPasses: true)
        recorder.start()
        recorder.beginPass(.extend, tokens: [7, 70_000], positions: [0, 1], lengths: [2])
        recorder.visit(layer: 1, [2, 0, 2, 1])
        recorder.endPass()
        recorder.beginPass(.decode, tokens: [9], positions: [2], lengths: [1])
        recorder.visit(layer: 1, [1, 2])
        recorder.endPass()
        return recorder.take()
    }

    private func read(_ path: String) -> [UInt8] { ModelVariant.bytes(of: path) }

    @Test func tablesAreSortedAndNameOnlyWhoWasVisited() throws {
        let files = ExpertFiles(directory: "\(directory.path)/a/b", writesTorchFile: false)
        let paths = try files.write(record(.stat), at: 1776389017.25)
        #expect(paths == ["\(directory.path)/a/b/expert_distribution_rank0_timestamp1776389017.25.csv"])
        let text = String(decoding: read(paths[0]), as: UTF8.self)
        #expect(text == "layer_id,expert_id,count\n1,0,1\n1,1,2\n1,2,3\n")
        let empty = try files.write(ExpertRecorder(.dense).take(), at: 2)
        #expect(String(decoding: read(empty[0]), as: UTF8.self) == "layer_id,expert_id,count\n")
    }

    @Test func detailsAreALineAPass() throws {
        let files = ExpertFiles(directory: directory.path, writesTorchFile: false)
        let perToken = try files.write(record(.perToken), at: 3)
        #expect(perToken[0].hasSuffix("/expert_distribution_detail_rank0_timestamp3.0.jsonl"))
        let lines = String(decoding: read(perToken[0]), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines[0]
                == #"{"forward_pass_id":1,"forward_mode":"extend","input_ids":[7,70000],"positions":[0,1],"topk_ids_of_layer":[[[-1,-1],[-1,-1]],[[2,0],[2,1]]]}"#
        )
        let perPass = try files.write(record(.perPass), at: 4)
        let last = String(decoding: read(perPass[0]), as: UTF8.self).split(separator: "\n")[1]
        #expect(last == #"{"forward_pass_id":2,"forward_mode":"decode","counts":[[0,0,0],[0,1,1]]}"#)
    }

    /// The files that `Tests/Fixtures/experts/check_records.py` reads with PyTorch, byte for byte.
    @Test(arguments: [ExpertRecorder.Mode.stat, .perPass, .perToken])
    func pytorchFilesAreThoseThatPyTorchReads(_ mode: ExpertRecorder.Mode) throws {
        let files = ExpertFiles(directory: directory.path, writesTorchFile: true)
        let paths = try files.write(record(mode), at: 5)
        let path = try #require(paths.first { $0.hasSuffix(".pt") })
        #expect(path.hasSuffix("expert_distribution_recorder_5.0\(mode.isDetailed ? "_0" : "").pt"))
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        #expect(read(path) == read("/\(tests)/Fixtures/experts/\(mode.rawValue).pt"))
    }

    @Test func archivesAreWhatTheirDirectorySays() throws {
        let path = try TorchFile.write(
            .tensor(shape: [2, 2], [1, 2, 3, -4]), to: OutputFile(directory: directory.path, name: "t.pt"))
        let bytes = read(path)
        func number(_ place: Int, _ size: Int) -> Int {
            (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
        }
        let end = bytes.count - 22
        #expect(number(end, 4) == 0x0605_4B50)
        let count = number(end + 10, 2)
        var place = number(end + 16, 4)
        #expect(place + number(end + 12, 4) == end)
        var entries: [String: [UInt8]] = [:]
        for _ in 0..<count {
            #expect(number(place, 4) == 0x0201_4B50)
            let (size, nameLength, header) = (number(place + 24, 4), number(place + 28, 2), number(place + 42, 4))
            let name = String(decoding: bytes[place + 46..<place + 46 + nameLength], as: UTF8.self)
            #expect(number(header, 4) == 0x0403_4B50 && number(header + 18, 4) == size)
            let data = Array(bytes[header + 30 + nameLength..<header + 30 + nameLength + size])
            #expect(number(place + 16, 4) == Int(CRC32.checksum(of: data)))
            entries[name] = data
            place += 46 + nameLength
        }
        #expect(place == end)
        #expect(
            entries.keys.sorted() == ["archive/byteorder", "archive/data.pkl", "archive/data/0", "archive/version"])
        #expect(entries["archive/data/0"] == [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 252, 255, 255, 255])
    }

    /// The check value of the CRC catalogue.
    @Test func checksums() { #expect(CRC32.checksum(of: Array("123456789".utf8)) == 0xCBF4_3926) }

    @Test func whatCannotBeWrittenIsNotThere() {
        directory.write([1], to: "file")
        let path = "\(directory.path)/file"
        let error = #expect(throws: ExpertError.self) {
            try ExpertFiles(directory: "\(path)/below", writesTorchFile: true).write(record(.stat), at: 1)
        }
        #expect(error?.description.hasPrefix(path) ?? false)
    }
}
