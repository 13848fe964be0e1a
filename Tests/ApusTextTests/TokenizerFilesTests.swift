import ApusJSON
import ApusTestSupport
import Testing

@testable import ApusText

/// Which tokenizers are other ones, and which are only written otherwise.
@Suite struct TokenizerFilesTests {
    private static let model: JSONObject = [
        "type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4], "merges": ["a b"],
    ]
    private static let tokenizer: JSONObject = ["version": "1.0", "model": .object(model), "decoder": nil]
    private static let configuration: JSONObject = [
        "eos_token": "</s>", "add_bos_token": false, "chat_template": "{{ messages }}",
    ]

    private func folder(
        _ change: (_ tokenizer: inout JSONObject, _ model: inout JSONObject, _ configuration: inout JSONObject) -> Void
    ) -> TemporaryDirectory {
        var (tokenizer, model, configuration) = (Self.tokenizer, Self.model, Self.configuration)
        change(&tokenizer, &model, &configuration)
        tokenizer["model"] = .object(model)
        let directory = TemporaryDirectory()
        directory.write(JSONValue.object(tokenizer).serialized, to: "tokenizer.json")
        directory.write(JSONValue.object(configuration).serialized, to: "tokenizer_config.json")
        return directory
    }

    private func differences(
        _ change: (_ tokenizer: inout JSONObject, _ model: inout JSONObject, _ configuration: inout JSONObject) -> Void
    ) -> [String] {
        let (launched, updated) = (folder { _, _, _ in }, folder(change))
        return TokenizerFiles(directory: updated.path).differences(from: TokenizerFiles(directory: launched.path))
    }

    @Test func whatIsWrittenOtherwiseIsTheSame() {
        #expect(differences { _, _, _ in } == [])
        let rewritten = folder { tokenizer, model, configuration in
            model = ["merges": [["a", "b"]], "vocab": ["</s>": 4, "<s>": 3, "ab": 2, "b": 1, "a": 0]]
            model["type"] = "BPE"
            model["ignore_merges"] = false
            tokenizer["version"] = "2.0"
            tokenizer["truncation"] = ["max_length": 512]
            tokenizer["added_tokens"] = nil
            configuration["transformers_version"] = "9"
            configuration["add_eos_token"] = true
            configuration["chat_template"] = nil
        }
        let files = TokenizerFiles(directory: rewritten.path)
        let kept = folder { _, _, _ in }
        let launched = TokenizerFiles(directory: kept.path)
        #expect(files.content != launched.content && files.differences(from: launched) == [])
    }

    @Test func whatIsAnotherIsNamed() {
        #expect(
            differences { _, model, _ in model["vocab"] = ["b": 0, "a": 1, "ab": 2, "<s>": 3, "</s>": 4] } == ["vocab"])
        #expect(differences { _, model, _ in model["merges"] = ["b a"] } == ["merges"])
        #expect(differences { _, model, _ in model["ignore_merges"] = true } == ["ignore_merges"])
        #expect(differences { tokenizer, _, _ in tokenizer["normalizer"] = ["type": "NFC"] } == ["normalizer"])
        #expect(
            differences { _, _, configuration in
                configuration["eos_token"] = "<s>"
                configuration["add_bos_token"] = true
                configuration["chat_template"] = "{{ other }}"
            } == ["chat_template", "eos_token", "add_bos_token"])
        #expect(
            differences { tokenizer, model, configuration in
                tokenizer["decoder"] = ["type": "ByteLevel"]
                model["merges"] = []
                configuration["eos_token"] = ["content": "<s>"]
            } == ["merges", "decoder", "eos_token"])
    }

    @Test func whatAFolderLeavesOutSaysNothing() {
        let (whole, empty) = (folder { _, _, _ in }, TemporaryDirectory())
        let none = TokenizerFiles(directory: empty.path)
        #expect(none.content.isEmpty && none.differences(from: TokenizerFiles(directory: whole.path)) == [])
        #expect(TokenizerFiles(directory: whole.path).differences(from: none) == [])
        #expect(TokenizerFiles(directory: "/nonexistent").content.isEmpty)
    }

    @Test func whatCannotBeComparedIsNamedByItsFile() {
        let (launched, updated) = (folder { _, _, _ in }, folder { _, _, _ in })
        let before = TokenizerFiles(directory: launched.path)
        updated.write(Array("{".utf8), to: "tokenizer.json")
        #expect(TokenizerFiles(directory: updated.path).differences(from: before) == ["tokenizer.json"])
        // The folder itself was written over.
        launched.write(Array("{}".utf8), to: "tokenizer.json")
        #expect(TokenizerFiles(directory: launched.path).differences(from: before) == ["tokenizer.json"])
        let (one, other) = (TemporaryDirectory(), TemporaryDirectory())
        one.write([1], to: "tokenizer.model")
        other.write([2], to: "tokenizer.model")
        #expect(
            TokenizerFiles(directory: one.path).differences(from: TokenizerFiles(directory: other.path))
                == ["tokenizer.model"])
    }
}
