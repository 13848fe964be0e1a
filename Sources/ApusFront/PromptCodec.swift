/// Text to token ids and back, as far as the front needs it.
package protocol PromptCodec: Sendable {
    /// Ids of `text`, with the tokens that the model wants around every text if `addSpecialTokens`.
    func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32]

    /// Text of `ids`; ids without a token give nothing.
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String

    /// `model_max_length` of the tokenizer when it is an ordinary integer.
    var modelMaxLength: Int? { get }
}
