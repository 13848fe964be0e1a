package import ApusJSON

/// A model's generation_config.json: how its makers want tokens to be chosen. All absent when there is no such file.
package struct GenerationConfiguration: Sendable, Hashable {
    package private(set) var endTokenIDs: [Int32] = []
    package private(set) var temperature: Double?
    package private(set) var topK: Int?
    package private(set) var topP: Double?
    package private(set) var minP: Double?
    package private(set) var repetitionPenalty: Double?

    package init() {}

    package init(directory: String) throws(CheckpointError) {
        let path = "\(directory)/generation_config.json"
        guard FileSystem.isFile(path) else { return }
        let file = try JSONFile(path: path)
        endTokenIDs = try file.tokenIDs("eos_token_id")
        temperature = try file.number("temperature", in: 0...1e6)
        // 0 means "all", as -1 does.
        topK = try file.integer("top_k", in: -1...1 << 30).flatMap { $0 > 0 ? $0 : nil }
        topP = try file.number("top_p", in: 0...1)
        minP = try file.number("min_p", in: 0...1)
        repetitionPenalty = try file.number("repetition_penalty", in: 0...100)
    }
}

extension GenerationConfiguration {
    /// What it says of sampling, under the names of `sampling_params`.
    package var samplingDefaults: JSONObject {
        var defaults = JSONObject()
        if let temperature { defaults["temperature"] = .double(temperature) }
        if let topK { defaults["top_k"] = JSONValue(topK) }
        if let topP { defaults["top_p"] = .double(topP) }
        if let minP { defaults["min_p"] = .double(minP) }
        if let repetitionPenalty { defaults["repetition_penalty"] = .double(repetitionPenalty) }
        return defaults
    }
}
