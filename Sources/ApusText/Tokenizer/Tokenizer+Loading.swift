package import ApusJSON

extension Tokenizer {
    /// Reads the tokenizer of a Hugging Face model folder: tokenizer.json, else tokenizer.model (SentencePiece); beside
    /// them tokenizer_config.json, special_tokens_map.json and chat_template.jinja, where there are.
    package convenience init(directory: String) throws(TextError) {
        let files = ModelFiles(directory: directory)
        let configuration = try TokenizerConfiguration(directory: files)
        if let json = try files.json("tokenizer.json") {
            try self.init(json: json, configuration: configuration)
        } else if files.contains("tokenizer.model") {
            try self.init(sentencePiece: files.path("tokenizer.model"), configuration: configuration)
        } else {
            throw .noTokenizer(directory: directory)
        }
    }

    /// A tokenizer of the contents of tokenizer.json alone.
    package convenience init(json: JSONValue) throws(TextError) {
        try self.init(json: json, configuration: TokenizerConfiguration())
    }

    convenience init(json: JSONValue, configuration: TokenizerConfiguration) throws(TextError) {
        guard let modelJSON = json["model"] else { throw .malformed("tokenizer.json without a model") }
        let model = try Models.make(modelJSON)
        let normalizer = try Self.stage(json, "normalizer", Normalizers.make)
        var tokens: [AddedToken] = []
        for entry in json["added_tokens"]?.arrayValue ?? [] {
            guard let id = entry["id"]?.intValue else { throw .malformed("added token \(entry)") }
            tokens.append(try AddedToken(entry, id: try AddedToken.checked(id)))
        }
        let added = AddedVocabulary(
            Self.addedTokens(tokens, configuration, model), normalizer: normalizer,
            readsSpecialTokensAsText: configuration.readsSpecialTokensAsText)
        let declared = try Self.stage(json, "post_processor", PostProcessors.make)
        self.init(
            normalizer: normalizer, preTokenizer: try Self.stage(json, "pre_tokenizer", PreTokenizers.make),
            model: model,
            postProcessor: Self.postProcessor(declared, configuration, added, model),
            decoder: try Self.stage(json, "decoder", Decoders.make), added: added, configuration: configuration)
    }

    private static func stage<Stage>(
        _ json: JSONValue, _ key: String, _ make: (JSONValue) throws(TextError) -> Stage
    ) throws(TextError) -> Stage? {
        guard let value = json[key], !value.isNull else { return nil }
        return try make(value)
    }

    /// The tokens of tokenizer.json, those of tokenizer_config.json that are new, and the model's tokens that the folder
    /// declares special.
    static func addedTokens(
        _ declared: [AddedToken], _ configuration: TokenizerConfiguration, _ model: any TokenizerModel
    ) -> [AddedToken] {
        var tokens = declared + configuration.addedTokens
        var special = TokenizerConfiguration.tokenNames.compactMap { configuration.namedTokens[$0] }
        special += configuration.extraSpecialTokens
        for content in special {
            if let id = model.vocabulary.id(of: Array(content.utf8)) {
                tokens.append(AddedToken(id: id, content: content, isSpecial: true))
            }
        }
        return tokens
    }

    /// `add_bos_token` and `add_eos_token`, where tokenizer_config.json has them, replace the declared template, as
    /// transformers does it.
    static func postProcessor(
        _ declared: PostProcessor?, _ configuration: TokenizerConfiguration, _ added: AddedVocabulary,
        _ model: any TokenizerModel
    ) -> PostProcessor {
        if let declared, configuration.addsBeginning == nil, configuration.addsEnd == nil { return declared }
        func special(_ name: String, _ wanted: Bool?) -> [Int32]? {
            guard wanted == true, let text = configuration.namedTokens[name].map({ Array($0.utf8) }) else { return nil }
            return (added.id(of: text) ?? model.vocabulary.id(of: text)).map { [$0] }
        }
        let beginning = special("bos_token", configuration.addsBeginning)
        let end = special("eos_token", configuration.addsEnd)
        func items(_ index: Int) -> [PostProcessor.Item] {
            let typeID = Int32(index)
            return [
                beginning.map { .special(ids: $0, typeID: typeID) }, .sequence(index, typeID: typeID),
                end.map { .special(ids: $0, typeID: typeID) },
            ].compactMap(\.self)
        }
        return PostProcessor(single: items(0), pair: items(0) + items(1))
    }
}
