package import ApusText

extension Tokenizer: PromptCodec {}
