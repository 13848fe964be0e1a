import ApusJSON

/// One or two sequences of ids as the model wants them.
package struct Encoding: Hashable, Sendable {
    package var ids: [Int32]
    /// 0 or 1 for each id: the segment it belongs to, for models that tell two texts apart.
    package var typeIDs: [Int32]

    package init(ids: [Int32], typeIDs: [Int32]) {
        self.ids = ids
        self.typeIDs = typeIDs
    }
}

/// Puts special tokens around the sequences: a template for one text and one for two.
struct PostProcessor: Sendable {
    enum Item: Sendable {
        case special(ids: [Int32], typeID: Int32)
        /// The first (0) or second (1) text.
        case sequence(Int, typeID: Int32)
    }

    let single: [Item]
    let pair: [Item]

    /// No special tokens, the second text as segment 1.
    static let plain = PostProcessor(
        single: [.sequence(0, typeID: 0)], pair: [.sequence(0, typeID: 0), .sequence(1, typeID: 1)])

    func process(_ first: [Int32], _ second: [Int32]?, addSpecialTokens: Bool) -> Encoding {
        var encoding = Encoding(ids: [], typeIDs: [])
        for item in second == nil ? single : pair {
            switch item {
            case .special(let ids, let typeID): if addSpecialTokens { append(ids, typeID, to: &encoding) }
            case .sequence(let index, let typeID):
                append(index == 0 ? first : second ?? [], typeID, to: &encoding)
            }
        }
        return encoding
    }

    /// Special tokens around one text or two.
    func addedCount(isPair: Bool) -> Int {
        (isPair ? pair : single).reduce(0) { count, item in
            if case .special(let ids, _) = item { count + ids.count } else { count }
        }
    }

    private func append(_ ids: [Int32], _ typeID: Int32, to encoding: inout Encoding) {
        encoding.ids += ids
        encoding.typeIDs += repeatElement(typeID, count: ids.count)
    }
}

enum PostProcessors {
    static func make(_ json: JSONValue) throws(TextError) -> PostProcessor {
        let options = try StageOptions(json, stage: "post_processor")
        switch options.type {
        case "ByteLevel": return .plain  // it only moves offsets
        case "Sequence":
            var result: PostProcessor?
            for stage in try options.list("processors") where stage["type"] != "ByteLevel" {
                guard result == nil else { throw .unsupported("a Sequence of several post-processors") }
                result = try make(stage)
            }
            return result ?? .plain
        case "TemplateProcessing":
            let tokens = options["special_tokens"] ?? [:]
            return PostProcessor(
                single: try template(options, "single", tokens), pair: try template(options, "pair", tokens))
        case "BertProcessing":
            let (cls, sep) = (try token(options, "cls"), try token(options, "sep"))
            let single: [PostProcessor.Item] = [
                .special(ids: cls, typeID: 0), .sequence(0, typeID: 0), .special(ids: sep, typeID: 0),
            ]
            return PostProcessor(
                single: single, pair: single + [.sequence(1, typeID: 1), .special(ids: sep, typeID: 1)])
        case "RobertaProcessing":
            let (cls, sep) = (try token(options, "cls"), try token(options, "sep"))
            let single: [PostProcessor.Item] = [
                .special(ids: cls, typeID: 0), .sequence(0, typeID: 0), .special(ids: sep, typeID: 0),
            ]
            let second: [PostProcessor.Item] = [
                .special(ids: sep, typeID: 0), .sequence(1, typeID: 0), .special(ids: sep, typeID: 0),
            ]
            return PostProcessor(single: single, pair: single + second)
        default: throw .unsupported("post-processor \(options.type)")
        }
    }

    private static func template(
        _ options: StageOptions, _ key: String, _ tokens: JSONValue
    ) throws(TextError) -> [PostProcessor.Item] {
        var items: [PostProcessor.Item] = []
        for entry in try options.list(key) {
            if let name = entry["SpecialToken"]?["id"]?.stringValue {
                let typeID = try typeID(entry["SpecialToken"])
                guard let ids = tokens[name]?["ids"]?.arrayValue else { throw .malformed("template token \(name)") }
                items.append(.special(ids: try ids.map { (id) throws(TextError) in try tokenID(id) }, typeID: typeID))
            } else if let sequence = entry["Sequence"]?["id"]?.stringValue, ["A", "B"].contains(sequence) {
                let typeID = try typeID(entry["Sequence"])
                items.append(.sequence(sequence == "A" ? 0 : 1, typeID: typeID))
            } else {
                throw .malformed("template item \(entry)")
            }
        }
        return items
    }

    private static func typeID(_ item: JSONValue?) throws(TextError) -> Int32 {
        let value = item?["type_id"]?.intValue ?? 0
        guard let typeID = Int32(exactly: value), typeID >= 0 else { throw .malformed("type_id \(value)") }
        return typeID
    }

    /// `["</s>", 2]`
    private static func token(_ options: StageOptions, _ key: String) throws(TextError) -> [Int32] {
        guard let id = options[key]?[1] else { throw options.wrong(key) }
        return [try tokenID(id)]
    }

    private static func tokenID(_ json: JSONValue) throws(TextError) -> Int32 {
        guard let id = json.intValue.flatMap({ Int32(exactly: $0) }), id >= 0 else {
            throw .malformed("token id \(json)")
        }
        return id
    }
}
