import ApusCore
import ApusJSON

/// The shape of a `/generate` request before anything is tokenised: how many prompts and samples there are, their ids
/// and their parameters.
struct GenerateOutline: Sendable {
    enum Prompt: Sendable {
        case text(String)
        case ids([Int])
        /// Rows of as many numbers each.
        case embeddings(rows: Int, numbers: [Float])
    }

    var prompts: [Prompt]
    /// The client sent a list.
    var isBatch: Bool
    /// One a prompt.
    var readings: [SamplingReader.Reading]
    /// One a sample, prompt-major.
    var rids: [String]
    /// The client chose the ids.
    var areRidsChosen: Bool
    var sampleCount: Int { readings.first?.sampleCount ?? 1 }
    /// What constrains outputs, each once.
    var grammars: Set<GrammarSource> { Set(readings.compactMap(\.parameters.grammar)) }

    private static let longestRid = 256

    /// `limit`: samples of one request.
    init(
        _ body: JSONObject, preferred: JSONObject?, vocabularySize: Int, isRadixCacheDisabled: Bool,
        grammars: GrammarOptions,
        limit: Int
    ) throws(FrontError) {
        (prompts, isBatch) = try Self.prompts(body, isRadixCacheDisabled: isRadixCacheDisabled)
        guard prompts.count <= limit else { throw Self.tooLarge(prompts.count, limit) }
        readings = try Self.readings(
            body, count: prompts.count, preferred: preferred, vocabularySize: vocabularySize, grammars: grammars)
        let perPrompt = readings.first?.sampleCount ?? 1
        guard readings.allSatisfy({ $0.sampleCount == perPrompt }) else {
            throw .refused("The parallel_sample_num should be the same for all samples in sample params.")
        }
        guard perPrompt <= limit / max(prompts.count, 1) else {
            throw Self.tooLarge(prompts.count.multipliedReportingOverflow(by: perPrompt).partialValue, limit)
        }
        if perPrompt > 1 { try Self.refuseLists(body) }
        let chosen = try Self.chosenRids(body, isBatch: isBatch, count: prompts.count)
        if let chosen, perPrompt == 1 {
            rids = chosen
            areRidsChosen = true
        } else {
            rids = (0..<prompts.count * perPrompt).map { _ in RequestID.random() }
            areRidsChosen = false
        }
    }

    // MARK: Prompts

    private static func prompts(
        _ body: JSONObject, isRadixCacheDisabled: Bool
    ) throws(FrontError) -> ([Prompt], Bool) {
        let text = body.given("text")
        let ids = body.given("input_ids")
        let embeds = body.given("input_embeds")
        let count = [text, ids, embeds].count { $0 != nil }
        guard count == 1 || count == 2 else {
            throw .refused("Either text, input_ids or input_embeds should be provided.")
        }
        if embeds != nil {
            guard isRadixCacheDisabled else {
                throw .refused(
                    "input_embeds is provided while disable_radix_cache is False. Please add "
                        + "`--disable-radix-cache` when you launch the server if you want to use input_embeds as inputs."
                )
            }
            guard body.given("session_params") == nil else {
                throw .refused("input_embeds cannot be part of a session.")
            }
        }
        // Whatever stands beside them, R takes these.
        if let embeds { return try Self.embeddings(embeds) }
        // With both, the text gives the shape and the ids the tokens.
        var prompts: [Prompt] = []
        var isBatch = false
        switch text {
        case .string(let string)?: prompts = [.text(string)]
        case .array(let strings)?:
            prompts = strings.compactMap(\.stringValue).map { .text($0) }
            isBatch = true
        default: break
        }
        guard let ids = ids?.arrayValue else { return (prompts, isBatch) }
        // In a session there are tokens before these.
        let mayBeEmpty = body.given("session_params") != nil
        guard !ids.isEmpty || mayBeEmpty else { throw .refused("input_ids cannot be empty.") }
        let lists = ids.first?.arrayValue == nil ? [ids] : ids.compactMap(\.arrayValue)
        guard mayBeEmpty || lists.allSatisfy({ !$0.isEmpty }) else { throw .refused("input_ids cannot be empty.") }
        if text == nil {
            isBatch = ids.first?.arrayValue != nil
        } else if lists.count != prompts.count {
            throw .refused(
                "The length of input_ids (\(lists.count)) must equal the batch size (\(prompts.count)).")
        }
        return (lists.map { .ids($0.compactMap(\.intValue)) }, isBatch)
    }

    // MARK: Parameters

    /// A matrix, or a list of matrices: a batch.
    private static func embeddings(_ value: JSONValue) throws(FrontError) -> ([Prompt], Bool) {
        guard let outer = value.arrayValue, let first = outer.first?.arrayValue?.first else {
            throw .schema("input_embeds: expected rows of numbers, or a list of such")
        }
        guard first.arrayValue != nil else { return ([try matrix(outer)], false) }
        var prompts: [Prompt] = []
        for value in outer { prompts.append(try matrix(value.arrayValue ?? [])) }
        return (prompts, true)
    }

    private static func matrix(_ rows: [JSONValue]) throws(FrontError) -> Prompt {
        let width = rows.first?.arrayValue?.count ?? 0
        var numbers: [Float] = []
        numbers.reserveCapacity(rows.count * width)
        for row in rows {
            guard let row = row.arrayValue, row.count == width, width > 0 else {
                throw .schema("input_embeds: expected rows of equally many numbers")
            }
            for element in row {
                guard let number = element.doubleValue else { throw .schema("input_embeds: expected numbers") }
                numbers.append(Float(number))
            }
        }
        guard !rows.isEmpty else { throw .refused("input_embeds cannot be empty.") }
        return .embeddings(rows: rows.count, numbers: numbers)
    }

    private static func readings(
        _ body: JSONObject, count: Int, preferred: JSONObject?, vocabularySize: Int, grammars: GrammarOptions
    ) throws(FrontError) -> [SamplingReader.Reading] {
        let given = body.given("sampling_params") ?? [:]
        if let list = given.arrayValue {
            guard list.count == count else {
                throw .refused(
                    "The length of sampling_params (\(list.count)) must equal the batch size (\(count)).")
            }
            var readings: [SamplingReader.Reading] = []
            for object in list {
                readings.append(
                    try SamplingReader.read(
                        object.objectValue ?? JSONObject(), preferred: preferred, vocabularySize: vocabularySize,
                        grammars: grammars))
            }
            return readings
        }
        let reading = try SamplingReader.read(
            given.objectValue ?? JSONObject(), preferred: preferred, vocabularySize: vocabularySize, grammars: grammars)
        return Array(repeating: reading, count: count)
    }

    private static func refuseLists(_ body: JSONObject) throws(FrontError) {
        for name in ["return_logprob", "logprob_start_len", "top_logprobs_num", "custom_logit_processor"]
        where body.given(name)?.arrayValue != nil {
            throw .refused("Cannot use list \(name) with parallel_sample_num > 1")
        }
        if body.given("token_ids_logprob")?[0]?.arrayValue != nil {
            throw .refused("Cannot use list token_ids_logprob with parallel_sample_num > 1")
        }
    }

    // MARK: Ids

    private static func chosenRids(_ body: JSONObject, isBatch: Bool, count: Int) throws(FrontError) -> [String]? {
        let rids: [String]
        switch body.given("rid") {
        case .string(let rid)?: rids = isBatch ? (0..<count).map { "\(rid)_\($0)" } : [rid]
        case .array(let elements)?:
            rids = elements.compactMap(\.stringValue)
            guard rids.count == count else {
                throw .refused("The specified rids length mismatch with the batch_size for batch processing.")
            }
        default: return nil
        }
        for rid in rids where rid.isEmpty || rid.utf8.count > longestRid {
            throw .refused("rid must have 1 to \(longestRid) bytes, got \(rid.utf8.count).")
        }
        var seen: Set<String> = []
        var duplicates: [String] = []
        for rid in rids where !seen.insert(rid).inserted && !duplicates.contains(rid) { duplicates.append(rid) }
        guard duplicates.isEmpty else {
            let list = duplicates.map { "'\($0)'" }.joined(separator: ", ")
            throw .refused("Duplicate request IDs detected within the request: [\(list)]")
        }
        return rids
    }

    private static func tooLarge(_ count: Int, _ limit: Int) -> FrontError {
        .refused("A request may have at most \(limit) samples (prompts times n), got \(count).")
    }
}

/// Ids as the reference makes them: 128 random bits in hexadecimal.
enum RequestID {
    static func random() -> String {
        let text = String(UInt128.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 32 - text.utf8.count) + text
    }
}
