import ApusCheckpoint
import ApusCore
import ApusTestSupport
import Testing

struct CheckpointTests {
    private let directory = TemporaryDirectory()

    private func write(_ name: String, _ tensors: [String: [Int]]) {
        var file = SafetensorsFile()
        for (name, shape) in tensors.sorted(by: { $0.key < $1.key }) { file.add(name, shape: shape) }
        directory.write(file.bytes, to: name)
    }

    private func writeIndex(_ map: String) {
        directory.write(Array(#"{"metadata":{"total_size":1},"weight_map":\#(map)}"#.utf8), to: Self.index)
    }

    private static let index = "model.safetensors.index.json"

    private var failure: String? {
        do {
            _ = try Checkpoint(directory: directory.path)
            return nil
        } catch {
            return error.description.replacing(directory.path, with: "DIR")
        }
    }

    @Test func findsTensorsInASingleFile() throws {
        write("model.safetensors", ["a": [2, 3], "b": [4]])
        write("consolidated.safetensors", ["a": [9]])
        let checkpoint = try Checkpoint(directory: directory.path)
        #expect(checkpoint.tensorNames.sorted() == ["a", "b"])
        let tensor = try checkpoint.tensor("a", shape: [2, 3])
        #expect(tensor.elementType == .bfloat16)
        #expect(tensor.bytes.count == 12)
        tensor.discard(first: 5)
        tensor.discard(first: 1000)
        #expect(tensor.bytes.allSatisfy { $0 == 0 })
    }

    @Test func findsTensorsInShards() throws {
        write("model-1.safetensors", ["a": [2]])
        write("model-2.safetensors", ["b": [3], "unlisted": [1]])
        writeIndex(#"{"a":"model-1.safetensors","b":"model-2.safetensors"}"#)
        let checkpoint = try Checkpoint(directory: directory.path)
        #expect(checkpoint.files.count == 2)
        #expect(try checkpoint.tensor("b").file.path == "\(directory.path)/model-2.safetensors")
        #expect(!checkpoint.contains("unlisted"))
    }

    @Test func findsTensorsInShardsWithoutIndex() throws {
        write("x.safetensors", ["a": [2]])
        write("y.safetensors", ["b": [3]])
        #expect(try Checkpoint(directory: directory.path).tensorNames.sorted() == ["a", "b"])
        write("z.safetensors", ["a": [3]])
        #expect(failure == "DIR/z.safetensors: tensor a is also in DIR/x.safetensors")
    }

    @Test func namesWhatIsMissing() throws {
        #expect(failure == "DIR: no weights: there is no *.safetensors file")
        directory.write([], to: "pytorch_model.bin")
        #expect(failure == "DIR: no weights: pytorch_model.bin is not read; convert it to safetensors")
        write("model-1.safetensors", ["a": [2]])
        writeIndex(#"{"a":"model-1.safetensors","b":"model-2.safetensors"}"#)
        #expect(failure == "DIR/model-2.safetensors: missing shard, which should hold tensor b")
        writeIndex(#"{"a":"model-1.safetensors","b":"model-1.safetensors"}"#)
        #expect(failure == "DIR/model-1.safetensors: tensor b is missing")
        writeIndex(#"{"a":"../model-1.safetensors"}"#)
        #expect(failure?.hasPrefix(#"DIR/model.safetensors.index.json: weight_map names "../model-1"#) == true)
        directory.write(Array("{".utf8), to: Self.index)
        #expect(failure == "DIR/model.safetensors.index.json: unexpected end of JSON at byte 1")
    }

    @Test func namesTensorAndFileOfWrongShapes() throws {
        var file = SafetensorsFile()
        file.add("a", shape: [2, 3])
        file.add("ids", type: "I64", shape: [1], bytes: [0, 0, 0, 0, 0, 0, 0, 0])
        directory.write(file.bytes, to: "model.safetensors")
        let checkpoint = try Checkpoint(directory: directory.path)
        let path = "\(directory.path)/model.safetensors"
        #expect(throws: CheckpointError.wrongShape(path: path, tensor: "a", found: [2, 3], expected: [3, 2])) {
            try checkpoint.tensor("a", shape: [3, 2])
        }
        #expect(throws: CheckpointError.missingTensor(directory: directory.path, tensor: "c")) {
            try checkpoint.tensor("c")
        }
        #expect(throws: CheckpointError.unsupportedElement(path: path, tensor: "ids", element: "I64")) {
            try checkpoint.tensor("ids")
        }
    }

    @Test func readsEveryFixture() throws {
        for name in ModelFixtures.names {
            let directory = ModelFixtures.directory(name)
            let checkpoint = try Checkpoint(directory: directory)
            let configuration = try ModelConfiguration(directory: directory)
            #expect(
                checkpoint.shape(of: "model.embed_tokens.weight")
                    == [configuration.vocabularySize, configuration.hiddenSize])
            #expect(checkpoint.contains("lm_head.weight") != configuration.tiesEmbeddings)
        }
    }
}
