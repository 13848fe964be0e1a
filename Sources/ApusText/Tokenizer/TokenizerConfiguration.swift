import ApusJSON

/// What a model folder says about its tokenizer beside tokenizer.json: tokenizer_config.json, special_tokens_map.json,
/// chat_template.jinja.
struct TokenizerConfiguration: Sendable {
    /// Texts of the named special tokens, by name (`eos_token`).
    private(set) var namedTokens: [String: String] = [:]
    /// Texts of further special tokens.
    private(set) var extraSpecialTokens: [String] = []
    /// Tokens of `added_tokens_decoder`.
    private(set) var addedTokens: [AddedToken] = []
    /// Whether encoding puts these around a text; nil leaves it to the post-processor.
    private(set) var addsBeginning: Bool?
    private(set) var addsEnd: Bool?
    private(set) var readsSpecialTokensAsText = false
    /// SentencePiece files: whether each stretch between special tokens gets a space in front, not only the first.
    private(set) var isLegacy = false
    private(set) var cleansUpSpaces = false
    private(set) var modelMaxLength: Int?
    /// Jinja sources by name; the usual one is `default`.
    private(set) var chatTemplates: [String: String] = [:]

    static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    init() {}

    init(directory: ModelFiles) throws(TextError) {
        if let json = try directory.json("special_tokens_map.json") { readSpecialTokens(json) }
        if let json = try directory.json("tokenizer_config.json") { try read(json) }
        if let source = try directory.text("chat_template.jinja") { chatTemplates["default"] = source }
    }

    private mutating func read(_ json: JSONValue) throws(TextError) {
        readSpecialTokens(json)
        for member in json["added_tokens_decoder"]?.objectValue ?? [:] {
            guard let id = Int(member.key) else { throw .malformed("added_tokens_decoder key \(member.key)") }
            addedTokens.append(try AddedToken(member.value, id: try AddedToken.checked(id)))
        }
        addsBeginning = json["add_bos_token"]?.boolValue
        addsEnd = json["add_eos_token"]?.boolValue
        readsSpecialTokensAsText = json["split_special_tokens"]?.boolValue ?? false
        isLegacy = json["legacy"]?.boolValue ?? false
        cleansUpSpaces = json["clean_up_tokenization_spaces"]?.boolValue ?? false
        // "No limit" is written as 10^30.
        modelMaxLength = json["model_max_length"]?.doubleValue.flatMap { $0 >= 1 && $0 < 1e15 ? Int($0) : nil }
        if let source = json["chat_template"]?.stringValue { chatTemplates["default"] = source }
        for entry in json["chat_template"]?.arrayValue ?? [] {
            guard let name = entry["name"]?.stringValue, let source = entry["template"]?.stringValue else {
                throw .malformed("chat_template \(entry)")
            }
            chatTemplates[name] = source
        }
    }

    private mutating func readSpecialTokens(_ json: JSONValue) {
        for name in Self.tokenNames {
            if let value = json[name] { namedTokens[name] = Self.content(value) }
        }
        for key in ["additional_special_tokens", "extra_special_tokens"] {
            for content in (json[key]?.arrayValue ?? []).compactMap(Self.content)
            where !extraSpecialTokens.contains(content) {
                extraSpecialTokens.append(content)
            }
        }
    }

    /// What a SentencePiece file says, where the folder says nothing: its names of tokens; a beginning token is added.
    mutating func fillIn(beginning: String?, end: String?, pad: String?) {
        for (name, text) in [("bos_token", beginning), ("eos_token", end), ("pad_token", pad)]
        where namedTokens[name] == nil {
            namedTokens[name] = text
        }
        addsBeginning = addsBeginning ?? true
    }

    /// A token is written as its text or as an object with its flags.
    private static func content(_ json: JSONValue) -> String? {
        json.stringValue ?? json["content"]?.stringValue
    }
}
