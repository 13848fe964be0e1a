import ApusCore
import ApusJSON
import ApusRegex
import ApusText

/// `sampling_params` to `SamplingParameters`: defaults, ranges and their messages, in the contract's order.
/// The types have been checked by `SamplingFields`.
struct SamplingReader {
    /// What one object says.
    struct Reading: Sendable {
        var parameters = SamplingParameters()
        /// Samples of each prompt, at least 1.
        var sampleCount = 1
        /// Tokens between two chunks; nil: the server's.
        var streamInterval: Int?
        /// `max_new_tokens` stands in the request itself.
        var hasExplicitLength = false
    }

    private let object: JSONObject
    private let vocabularySize: Int
    private let grammars: GrammarOptions

    private static let mostStops = 32
    private static let longestRegex = 256
    private static let grammarKinds: [(name: String, kind: GrammarKind)] = [
        ("json_schema", .json), ("regex", .regex), ("ebnf", .ebnf), ("structural_tag", .structuralTag),
    ]

    /// `preferred` are the server's defaults under the request's members.
    static func read(
        _ request: JSONObject, preferred: JSONObject?, vocabularySize: Int, grammars: GrammarOptions
    ) throws(FrontError) -> Reading {
        var merged = preferred ?? JSONObject()
        for member in request { merged[member.key] = member.value }
        var reading = try SamplingReader(object: merged, vocabularySize: vocabularySize, grammars: grammars).read()
        reading.hasExplicitLength = request.given("max_new_tokens") != nil
        return reading
    }

    private func read() throws(FrontError) -> Reading {
        var reading = Reading()
        try readStops(&reading.parameters)
        try readTemperature(&reading.parameters)
        try readFilters(&reading.parameters)
        try readPenalties(&reading.parameters)
        try readLength(&reading.parameters)
        try readBiasAndSeed(&reading.parameters)
        try readGrammar(&reading.parameters)
        try refuseUnsupported()

        reading.sampleCount = integer("n") ?? 1
        guard reading.sampleCount >= 1 else { throw .refused("n must be at least 1, got \(reading.sampleCount).") }
        if let interval = integer("stream_interval") {
            guard interval >= 1 else { throw .refused("stream_interval must be at least 1, got \(interval).") }
            reading.streamInterval = interval
        }
        reading.parameters.ignoreEOS = bool("ignore_eos") ?? false
        reading.parameters.skipSpecialTokens = bool("skip_special_tokens") ?? true
        reading.parameters.spacesBetweenSpecialTokens = bool("spaces_between_special_tokens") ?? true
        reading.parameters.noStopTrim = bool("no_stop_trim") ?? false
        return reading
    }

    // MARK: Parts, in the order in which violations are reported

    private func readStops(_ parameters: inout SamplingParameters) throws(FrontError) {
        parameters.stopStrings = strings("stop")
        guard parameters.stopStrings.count <= Self.mostStops else {
            throw .refused("at most \(Self.mostStops) stop strings are allowed, got \(parameters.stopStrings.count)")
        }
        let regexes = strings("stop_regex")
        guard regexes.count <= Self.mostStops else {
            throw .refused("at most \(Self.mostStops) stop_regex patterns are allowed, got \(regexes.count)")
        }
        for regex in regexes where regex.utf8.count > Self.longestRegex {
            throw .refused("stop_regex is \(regex.utf8.count) bytes, over the \(Self.longestRegex)-byte limit")
        }
        for regex in regexes {
            do throws(RegexError) {
                _ = try StopPattern(regex)
            } catch {
                throw .refused("invalid stop_regex '\(regex)': \(error.reason)")
            }
        }
        parameters.stopRegexes = regexes
        // An id outside the vocabulary is never generated: leaving it out changes nothing.
        let ids = object.given("stop_token_ids")?.arrayValue ?? []
        parameters.stopTokenIDs = ids.compactMap(\.intValue).filter { (0..<vocabularySize).contains($0) }.map(
            Int32.init)
    }

    private func readTemperature(_ parameters: inout SamplingParameters) throws(FrontError) {
        if let width = object.given("beam_width") {
            guard (width.intValue ?? 0) >= 1 else { throw .refused("beam_width must be at least 1, got \(width).") }
            guard width.intValue == 1 else {
                throw .refused("beam_width above 1 (beam search) is not supported, got \(width).")
            }
        }
        guard let value = object.given("temperature"), let temperature = value.doubleValue else { return }
        guard temperature >= 0, temperature.isFinite else {
            throw .refused("temperature must be a non-negative finite number, got \(value).")
        }
        parameters.temperature = min(Float(temperature), .greatestFiniteMagnitude)
    }

    private func readFilters(_ parameters: inout SamplingParameters) throws(FrontError) {
        if let value = object.given("top_p"), let topP = value.doubleValue {
            guard topP > 0, topP <= 1 else { throw .refused("top_p must be in (0, 1], got \(value).") }
            parameters.topP = max(Float(topP), .leastNormalMagnitude)
        }
        if let value = object.given("min_p"), let minP = value.doubleValue {
            guard (0...1).contains(minP) else { throw .refused("min_p must be in [0, 1], got \(value).") }
            parameters.minP = Float(minP)
        }
        if let topK = integer("top_k") {
            guard topK == -1 || topK >= 1 else {
                throw .refused("top_k must be -1 (disable) or at least 1, got \(topK).")
            }
            parameters.topK = topK == -1 || topK >= vocabularySize ? nil : topK
        }
        // Greedy, whatever else was asked for.
        if parameters.temperature < 1e-6 {
            parameters.temperature = 1
            parameters.topK = 1
        }
    }

    private func readPenalties(_ parameters: inout SamplingParameters) throws(FrontError) {
        for (name, path) in [
            ("frequency_penalty", \SamplingParameters.frequencyPenalty),
            ("presence_penalty", \SamplingParameters.presencePenalty),
        ] {
            guard let value = object.given(name), let penalty = value.doubleValue else { continue }
            guard (-2...2).contains(penalty) else { throw .refused("\(name) must be in [-2, 2], got \(value).") }
            parameters[keyPath: path] = Float(penalty)
        }
        guard let value = object.given("repetition_penalty"), let penalty = value.doubleValue else { return }
        guard penalty > 0, penalty <= 2 else {
            throw .refused("repetition_penalty must be in (0, 2] (1.0 = no penalty), got \(value).")
        }
        parameters.repetitionPenalty = max(Float(penalty), .leastNormalMagnitude)
    }

    private func readLength(_ parameters: inout SamplingParameters) throws(FrontError) {
        if let value = object["max_new_tokens"] { parameters.maxNewTokens = value.intValue }
        let least = integer("min_new_tokens") ?? 0
        guard least >= 0 else { throw .refused("min_new_tokens must be in [0, max_new_tokens], got \(least).") }
        if let most = parameters.maxNewTokens {
            guard most >= 0 else { throw .refused("max_new_tokens must be at least 0, got \(most).") }
            guard least <= most else {
                throw .refused("min_new_tokens must be in [0, max_new_tokens(\(most))], got \(least).")
            }
        }
        parameters.minNewTokens = least
    }

    private func readBiasAndSeed(_ parameters: inout SamplingParameters) throws(FrontError) {
        for member in object.given("logit_bias")?.objectValue ?? JSONObject() {
            guard let id = Int32(member.key), id >= 0, id < vocabularySize else {
                throw .refused("logit_bias must has keys in [0, \(vocabularySize - 1)], got \(member.key).")
            }
            guard let bias = member.value.doubleValue else { throw SamplingFields.mismatch(member.value, "f64") }
            // Beyond the range of a float it would become infinite and turn sums into NaN.
            parameters.logitBias[id] = Float(max(-1e30, min(1e30, bias)))
        }
        guard let seed = object.given("sampling_seed") else { return }
        guard case .integer(let number) = seed else {
            throw .refused("sampling_seed must be an integer, got \(Self.pythonName(seed)).")
        }
        parameters.seed = number
    }

    private func readGrammar(_ parameters: inout SamplingParameters) throws(FrontError) {
        let given = Self.grammarKinds.filter { !(object.given($0.name)?.stringValue ?? "").isEmpty }
        guard given.count <= 1 else {
            throw .refused("Only one of json_schema, regex, ebnf, or structural_tag can be set.")
        }
        guard let (name, kind) = given.first, let text = object[name]?.stringValue else { return }
        guard grammars.isEnabled else {
            throw .refused(
                "Grammar-based generation (json_schema, regex, ebnf, structural_tag) is not supported when the server "
                    + "is launched with --grammar-backend none")
        }
        parameters.grammar = GrammarSource(kind, text, whitespace: grammars.whitespace)
    }

    /// `custom_params` is for processors that no Swift server can run: it is carried nowhere and has no effect, by contract.
    private func refuseUnsupported() throws(FrontError) {
        for name in ["watermark", "choice"] where object.given(name) != nil {
            throw .refused("\(name) is not supported.")
        }
    }

    // MARK: Members

    private func integer(_ name: String) -> Int? { object.given(name)?.intValue }
    private func bool(_ name: String) -> Bool? { object.given(name)?.boolValue }

    private func strings(_ name: String) -> [String] {
        switch object.given(name) {
        case .string(let string)?: [string]
        case .array(let elements)?: elements.compactMap(\.stringValue)
        default: []
        }
    }

    /// The contract's message speaks Python.
    private static func pythonName(_ value: JSONValue) -> String {
        switch value {
        case .null: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .double: "float"
        case .string: "str"
        case .array: "list"
        case .object: "dict"
        }
    }
}
