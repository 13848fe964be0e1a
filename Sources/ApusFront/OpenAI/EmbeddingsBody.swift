import ApusJSON

/// The body of `/v1/embeddings`.
struct EmbeddingsBody: VectorBody {
    let plan: EmbeddingPlan
    let isBase64: Bool

    static let rules = [
        FieldRule("input", .any, isRequired: true), FieldRule("encoding_format", .string),
        FieldRule("dimensions", .integer), FieldRule("rid", .string),
    ]

    init(_ body: JSONObject) throws(FrontError) {
        try body.check(Self.rules)
        switch body.given("encoding_format")?.stringValue ?? "float" {
        case "float": isBase64 = false
        case "base64": isBase64 = true
        case let other: throw .schema("encoding_format must be either 'float' or 'base64', got '\(other)'")
        }
        if body.given("lora_path") != nil { throw .notYet("lora_path") }
        plan = EmbeddingPlan(
            texts: try VectorInput.texts(body), rids: nil, dimensions: body.given("dimensions")?.intValue)
    }
}

/// The body of `/v1/classify`.
struct ClassifyBody: VectorBody {
    let plan: EmbeddingPlan

    static let rules = [FieldRule("input", .any, isRequired: true)]

    init(_ body: JSONObject) throws(FrontError) {
        try body.check(Self.rules)
        plan = EmbeddingPlan(texts: try VectorInput.texts(body), rids: nil, dimensions: nil)
    }
}

/// The member `input` of OpenAI-style routes that make vectors.
enum VectorInput {
    private static let words =
        "input: expected a string, an array of strings, an array of integers or an array of arrays of integers"

    static func texts(_ body: JSONObject) throws(FrontError) -> [EmbeddingText] {
        let input = body.given("input") ?? .null
        if let text = input.stringValue {
            guard !text.isEmpty else { throw .badRequest("Input cannot be empty") }
            guard !isBlank(text) else { throw .badRequest("Input cannot be empty or whitespace only") }
            return [.text(text)]
        }
        guard let list = input.arrayValue else { throw .schema(words) }
        guard let first = list.first else { throw .badRequest("Input cannot be empty") }
        if first.stringValue != nil { return try strings(list) }
        if first.intValue != nil { return [.ids(try ids(list))] }
        var texts: [EmbeddingText] = []
        for (index, item) in list.enumerated() {
            if let inner = item.arrayValue {
                guard !inner.isEmpty else { throw .badRequest("Input at index \(index) cannot be empty") }
                texts.append(.ids(try ids(inner)))
            } else if let text = item["text"]?.stringValue, item["image"]?.stringValue == nil {
                texts.append(.text(text))
            } else if item["image"] != nil {
                throw .badRequest("Model only supports text input; received unsupported content type 'image'.")
            } else {
                throw .schema(words)
            }
        }
        return texts
    }

    private static func strings(_ list: [JSONValue]) throws(FrontError) -> [EmbeddingText] {
        var texts: [EmbeddingText] = []
        for (index, item) in list.enumerated() {
            guard let text = item.stringValue else { throw .badRequest("All items in input list must be strings") }
            guard !isBlank(text) else {
                throw .badRequest("Input at index \(index) cannot be empty or whitespace only")
            }
            texts.append(.text(text))
        }
        return texts
    }

    private static func ids(_ list: [JSONValue]) throws(FrontError) -> [Int] {
        var ids: [Int] = []
        for (index, item) in list.enumerated() {
            guard let id = item.intValue else { throw .badRequest("All items in input list must be integers") }
            guard id >= 0 else { throw .badRequest("Token ID at index \(index) must be non-negative") }
            ids.append(id)
        }
        return ids
    }

    static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
}

/// RFC 4648, section 4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Of the numbers' bytes, little-endian.
    static func encode(_ vector: [Float]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(vector.count * 4)
        for number in vector {
            let bits = number.bitPattern
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
            }
        }
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - part.count) * 8)
            for place in 0..<4 {
                text.append(
                    place <= part.count ? alphabet[Int(bits >> UInt32(18 - place * 6) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
