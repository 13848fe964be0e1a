import ApusJSON
import ApusTestSupport
import Testing

@testable import ApusText

@Suite struct TokenizerLoadingTests {
    private static let model: JSONValue = [
        "type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4], "merges": ["a b"],
    ]

    private func folder(_ tokenizer: JSONValue, _ configuration: JSONValue? = nil) -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        directory.write(tokenizer.serialized, to: "tokenizer.json")
        if let configuration { directory.write(configuration.serialized, to: "tokenizer_config.json") }
        return directory
    }

    @Test func readsAFolder() throws {
        let directory = folder(
            ["model": Self.model],
            [
                "bos_token": "<s>", "eos_token": ["content": "</s>", "lstrip": false], "pad_token": nil,
                "add_bos_token": true, "add_eos_token": false, "clean_up_tokenization_spaces": true,
                "model_max_length": 4096, "chat_template": "{{ messages }}",
                "added_tokens_decoder": [
                    "5": ["content": "<x>", "special": true], "3": ["content": "<s>", "special": true],
                ],
            ])
        let tokenizer = try Tokenizer(directory: directory.path)
        #expect(tokenizer.bosTokenID == 3 && tokenizer.eosTokenID == 4 && tokenizer.padTokenID == nil)
        #expect(tokenizer.modelMaxLength == 4096)
        #expect(tokenizer.chatTemplate == "{{ messages }}")
        #expect(tokenizer.encode("ab<x>a", addSpecialTokens: true) == [3, 2, 5, 0])
        #expect(tokenizer.encode("ab<x>a", addSpecialTokens: false) == [2, 5, 0])
        #expect(tokenizer.isSpecial(4))
        #expect(tokenizer.vocabularySize == 6)
        #expect(
            tokenizer.encodePair("a", "b", addSpecialTokens: true)
                == Encoding(ids: [3, 0, 3, 1], typeIDs: [0, 0, 1, 1]))
        // English clean-up is not for byte-pair models.
        #expect(tokenizer.decode([0, 1], skipSpecialTokens: true) == "a b")
    }

    @Test func readsTemplatesByNameAndFromTheirFile() throws {
        let list: JSONValue = [["name": "default", "template": "D"], ["name": "tool_use", "template": "T"]]
        let directory = folder(["model": Self.model], ["chat_template": list, "model_max_length": 1e30])
        #expect(try Tokenizer(directory: directory.path).chatTemplates == ["default": "D", "tool_use": "T"])
        #expect(try Tokenizer(directory: directory.path).modelMaxLength == nil)
        directory.write(Array("J".utf8), to: "chat_template.jinja")
        #expect(try Tokenizer(directory: directory.path).chatTemplate == "J")
    }

    @Test func specialTokensAsTextOnRequest() throws {
        let added: JSONValue = [["id": 3, "content": "<s>", "special": true]]
        let file: JSONValue = ["model": Self.model, "added_tokens": added]
        #expect(try Tokenizer(json: file).encode("a<s>b", addSpecialTokens: false) == [0, 3, 1])
        // As text, its characters are in no token and fall away; what is left merges.
        let split = folder(file, ["split_special_tokens": true])
        #expect(try Tokenizer(directory: split.path).encode("a<s>b", addSpecialTokens: false) == [2])
    }

    @Test(
        arguments: [
            (["normalizer": ["type": "Nmt"]], "unsupported tokenizer: normalizer Nmt"),
            (["pre_tokenizer": ["type": "UnicodeScripts"]], "unsupported tokenizer: pre-tokenizer UnicodeScripts"),
            (["decoder": ["type": "CTC"]], "unsupported tokenizer: decoder CTC"),
            (["post_processor": ["type": "Other"]], "unsupported tokenizer: post-processor Other"),
            (["model": ["type": "WordLevel", "vocab": [:]]], "unsupported tokenizer: model WordLevel"),
            (
                ["model": ["type": "BPE", "vocab": ["a": 0], "merges": ["a b"]]],
                #"malformed tokenizer: merge "a b" of tokens that are not in the vocabulary"#
            ),
            (
                ["model": ["type": "BPE", "vocab": ["a": 0, "b": 0], "merges": []]],
                "malformed tokenizer: two tokens with the id 0"
            ),
            (
                ["model": ["type": "BPE", "vocab": ["a": -1], "merges": []]],
                #"malformed tokenizer: token id -1 of "a""#
            ),
            (
                ["model": ["type": "BPE", "vocab": ["a": 0], "merges": [], "dropout": 0.1]],
                "unsupported tokenizer: BPE with dropout 0.1"
            ),
            (["model": nil], "malformed tokenizer: token id"),
            (
                ["pre_tokenizer": ["type": "Split", "pattern": ["Regex": "("], "behavior": "Isolated"]],
                "unsupported tokenizer: pattern (: an unclosed group at character 1"
            ),
            (
                ["pre_tokenizer": ["type": "Split", "pattern": ["String": "x"], "behavior": "Odd"]],
                #"malformed tokenizer: Split with behavior "Odd""#
            ),
        ] as [(JSONValue, String)])
    func saysWhatIsWrong(_ change: JSONValue, _ message: String) {
        var file: JSONObject = ["model": Self.model]
        for member in change.objectValue ?? [:] { file[member.key] = member.value }
        if file["model"] == .null { file["added_tokens"] = [["id": -3, "content": "x"]]; file["model"] = Self.model }
        do {
            _ = try Tokenizer(json: .object(file))
            Issue.record("accepted \(change)")
        } catch {
            #expect("\(error)".hasPrefix(message), "\(error)")
        }
    }

    @Test func namesTheFolderOrFile() {
        let empty = TemporaryDirectory()
        #expect(throws: TextError.noTokenizer(directory: empty.path)) { try Tokenizer(directory: empty.path) }
        empty.write(Array("{\"model\":".utf8), to: "tokenizer.json")
        #expect(
            throws: TextError.invalidJSON(
                path: empty.path + "/tokenizer.json", JSONError(reason: .unexpectedEnd, offset: 9))
        ) { try Tokenizer(directory: empty.path) }
        let spm = TemporaryDirectory()
        spm.write(Array("not a model".utf8), to: "tokenizer.model")
        #expect(throws: TextError.self) { try Tokenizer(directory: spm.path) }
    }

    @Test func sentencePieceFolder() throws {
        let directory = TemporaryDirectory()
        directory.write(TokenizerFixtures.bytes("spm.model"), to: "tokenizer.model")
        let tokenizer = try Tokenizer(directory: directory.path)
        #expect(tokenizer.bosTokenID == 1 && tokenizer.eosTokenID == 2)
        let ids = tokenizer.encode("the day</s>", addSpecialTokens: true)
        #expect(ids.first == 1 && ids.last == 2)
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "the day")
        #expect(tokenizer.tokenBytes(try #require(tokenizer.tokenToID("<0xFF>"))) == [0xFF])

        // The space in front of a text is not put in front of what follows a special token, unless `legacy` asks.
        #expect(tokens(tokenizer, "a</s>b") == ["<s>", "▁a", "</s>", "b"])
        directory.write(Array(#"{"legacy": true, "add_bos_token": false}"#.utf8), to: "tokenizer_config.json")
        #expect(tokens(try Tokenizer(directory: directory.path), "a</s>b") == ["▁a", "</s>", "▁b"])
    }

    private func tokens(_ tokenizer: Tokenizer, _ text: String) -> [String] {
        tokenizer.encode(text, addSpecialTokens: true).compactMap(tokenizer.idToToken)
    }
}
