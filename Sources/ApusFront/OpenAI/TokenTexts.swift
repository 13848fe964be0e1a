import ApusJSON
import ApusWire

/// Log probabilities with the texts of their tokens, in OpenAI's two shapes.
struct TokenTexts {
    let codec: any PromptCodec

    private static let lowest = -Double(Float.greatestFiniteMagnitude)

    /// Of `/v1/completions`: parallel arrays, and alternatives by text.
    func completion(_ positions: [TokenLogprobs]) -> JSONValue {
        let top = positions.map { position -> JSONValue in
            guard !position.top.isEmpty else { return .null }
            return .object(JSONObject(position.top.map { (text($0.token), Self.json($0.logprob)) }))
        }
        return [
            "text_offset": .array(positions.map { _ in -1 }),
            "token_logprobs": .array(positions.map { Self.json($0.logprob) }),
            "tokens": .array(positions.map { .string(text($0.token)) }),
            "top_logprobs": .array(top),
        ]
    }

    /// Of chat: an object a token, with its true bytes.
    func chat(_ positions: [TokenLogprobs]) -> JSONValue {
        let content = positions.map { position -> JSONValue in
            var entry = self.entry(position.token, position.logprob)
            entry["top_logprobs"] = .array(position.top.map { .object(self.entry($0.token, $0.logprob)) })
            return .object(entry)
        }
        return ["content": .array(content)]
    }

    private func entry(_ token: Int32, _ logprob: Float?) -> JSONObject {
        let bytes = codec.bytes(of: token)
        return [
            "token": .string(String(decoding: bytes, as: UTF8.self)),
            "bytes": .array(bytes.map { JSONValue($0) }), "logprob": Self.json(logprob),
        ]
    }

    /// A token that is a part of a character shows its bytes as Latin-1 letters.
    private func text(_ token: Int32) -> String {
        let bytes = codec.bytes(of: token)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    private static func json(_ logprob: Float?) -> JSONValue {
        logprob.map { .double($0.isFinite ? Double($0) : lowest) } ?? .null
    }
}
