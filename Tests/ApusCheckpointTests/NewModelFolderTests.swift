import ApusTestSupport
import Testing

@testable import ApusCheckpoint

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct NewModelFolderTests {
    private func names(_ path: String) -> [String]? { FileSystem.names(in: path).map { $0.sorted() } }

    @Test func aFolderThatAnotherWritesStaysAsItIs() throws {
        let (parent, source) = (TemporaryDirectory(), TemporaryDirectory())
        source.write([1], to: "tokenizer.json")
        let output = "\(parent.path)/out"
        var first: NewModelFolder? = try NewModelFolder(output)
        try first?.copyOthers(from: source.path)
        let error = #expect(throws: CheckpointError.self) { try NewModelFolder(output) }
        #expect(error.map { "\($0)" }?.contains("out.partial: it exists") == true)
        #expect(names("\(output).partial") == ["tokenizer.json"])
        // One that is given up leaves nothing.
        first = nil
        #expect(names(parent.path) == [])
        try NewModelFolder(output).finish()
        #expect(names(parent.path) == ["out"])
        #expect(throws: CheckpointError.self) { try NewModelFolder(output) }
        #expect(names(parent.path) == ["out"])
    }

    @Test func weightsOfOtherProgramsAreLeftBehind() throws {
        let (parent, source) = (TemporaryDirectory(), TemporaryDirectory())
        for name in [
            "config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "model.gguf",
            "tokenizer.model", "vocab.txt",
        ] { source.write([1], to: name) }
        let folder = try NewModelFolder("\(parent.path)/out")
        try folder.copyOthers(from: source.path)
        try folder.finish()
        #expect(names("\(parent.path)/out") == ["tokenizer.model", "vocab.txt"])
    }
}
