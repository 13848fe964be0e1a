import ApusConfiguration
import ApusFront
import ApusText

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The tokenizer as the front wants it.
struct TokenizerCodec: PromptCodec {
    let tokenizer: Tokenizer
    let chatTemplate: ChatTemplate?

    /// Throws when a template that was asked for is not there, or when any cannot be read.
    init(tokenizer: Tokenizer, _ given: ServeConfiguration) throws {
        self.tokenizer = tokenizer
        do {
            chatTemplate = try Self.template(tokenizer, given)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure("the chat template cannot be read: \(error)", code: Failure.configuration)
        }
    }

    private static func template(_ tokenizer: Tokenizer, _ given: ServeConfiguration) throws -> ChatTemplate? {
        if let name = given.chatTemplateName {
            guard let template = try tokenizer.chatTemplate(named: name) else {
                let known = tokenizer.chatTemplates.keys.sorted().joined(separator: ", ")
                throw Failure(
                    "--hf-chat-template-name \(name): the tokenizer has no such template (it has: \(known))",
                    code: Failure.configuration)
            }
            return template
        }
        guard let asked = given.chatTemplate else { return try tokenizer.chatTemplate() }
        if asked == "chatml" {
            return try ChatTemplate(source: chatML, specialTokens: tokenizer.namedSpecialTokens)
        }
        if let template = try tokenizer.chatTemplate(named: asked) { return template }
        guard let source = read(asked) else {
            throw Failure(
                "--chat-template \(asked): neither a file that can be read nor a template's name",
                code: Failure.configuration)
        }
        return try ChatTemplate(source: source, specialTokens: tokenizer.namedSpecialTokens)
    }

    private static let chatML = """
        {% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\
        {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
        """

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "rbe") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0, bytes.count < 1 << 20 else { return String(validating: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }

    var modelMaxLength: Int? { tokenizer.modelMaxLength }

    func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        tokenizer.encode(text, addSpecialTokens: addSpecialTokens)
    }

    func encode(_ text: String, atMost count: Int) -> [Int32] {
        tokenizer.encodeSingle(text, addSpecialTokens: true, maximumLength: count).ids
    }

    func encodePair(_ first: String, _ second: String) -> Encoding {
        tokenizer.encodePair(first, second, addSpecialTokens: true)
    }

    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        tokenizer.decode(ids, skipSpecialTokens: skipSpecialTokens)
    }

    func bytes(of id: Int32) -> [UInt8] { tokenizer.tokenBytes(id) ?? [] }

    func tokenID(of text: String) -> Int32? { tokenizer.tokenToID(text) }
}
