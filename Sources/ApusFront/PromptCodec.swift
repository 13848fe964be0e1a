package import ApusText

/// Text to token ids and back, as far as the front needs it.
package protocol PromptCodec: Sendable {
    /// Ids of `text`, with the tokens that the model wants around every text if `addSpecialTokens`.
    func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32]

    /// The same with special tokens, the end of the text being cut off where there are more than `count` in all.
    func encode(_ text: String, atMost count: Int) throws -> [Int32]

    /// Two texts as one input, with the tokens that the model wants around and between them.
    func encodePair(_ first: String, _ second: String) -> Encoding

    /// Text of `ids`; ids without a token give nothing.
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String

    /// UTF-8 bytes of one token, special ones included; some are parts of a character.
    func bytes(of id: Int32) -> [UInt8]

    /// The token of exactly this text in the vocabulary.
    func tokenID(of text: String) -> Int32?

    /// How the model wants conversations; nil: it has said nothing.
    var chatTemplate: ChatTemplate? { get }

    /// `model_max_length` of the tokenizer when it is an ordinary integer.
    var modelMaxLength: Int? { get }
}
