import ApusJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a machine leaves to a model at most, as `apus inspect --machine MODEL --json` measured it: says which share of
/// the machine a run made use of.
struct Ceiling: Sendable {
    /// Operations a second of weights and of attention, and bytes a second.
    var peak: Double
    var attentionPeak: Double
    var bandwidth: Double
    /// Operations of a token in the layers, of a row in the head, and of a pair of tokens in attention.
    var tokenOperations: Double
    var headOperations: Double
    var pairOperations: Double
    /// Of the weights that every step reads, and of routed experts, of which a token passes the share `expertShare`.
    var weightBytes: Double
    var expertBytes: Double
    var expertShare: Double
    var kvBytes: Double

    private static let recipe = "make it by apus inspect --machine MODEL --json"

    init(path: String) throws {
        guard let file = fopen(path, "r") else {
            throw HTTPFailure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        guard let json = try? JSONValue(parsing: Array(bytes.prefix(count))) else {
            throw HTTPFailure(description: "\(path): not JSON; \(Self.recipe)")
        }
        try self.init(json, path: path)
    }

    init(_ json: JSONValue, path: String) throws {
        func number(_ value: JSONValue?, _ name: String) throws -> Double {
            guard let number = value?.doubleValue, number >= 0 else {
                throw HTTPFailure(description: "\(path): no \(name); \(Self.recipe)")
            }
            return number
        }
        let model = json["model"]
        bandwidth = try number(json["bandwidth"], "bandwidth")
        peak = try number(model?["peak"], "model.peak")
        attentionPeak = try number(model?["attention_peak"], "model.attention_peak")
        tokenOperations = try number(model?["token_operations"], "model.token_operations")
        headOperations = try number(model?["head_operations"], "model.head_operations")
        pairOperations = try number(model?["pair_operations"], "model.pair_operations")
        weightBytes = try number(model?["weight_bytes"], "model.weight_bytes")
        expertBytes = try number(model?["expert_bytes"], "model.expert_bytes")
        expertShare = try number(model?["expert_share"], "model.expert_share")
        kvBytes = try number(model?["kv_bytes"], "model.kv_bytes")
    }

    /// The shortest time in which those requests could have been served, `concurrency` at once: prompts at the limit of
    /// arithmetic, then steps of one token a stream at that of memory or of arithmetic.
    func seconds(_ requests: [Measurement], concurrency: Int) -> Double {
        var prompts = 0.0, outputs = 0.0, contexts = 0.0
        for request in requests {
            let prompt = Double(request.promptTokens), cached = Double(request.cachedTokens)
            let output = Double(request.outputTokens)
            prompts += ((prompt - cached) * tokenOperations + headOperations) / peak
            prompts += (prompt * prompt - cached * cached) / 2 * pairOperations / attentionPeak
            // A prompt's step gives the first token.
            outputs += max(0, output - 1)
            contexts += max(0, output - 1) * (prompt + output / 2)
        }
        guard outputs > 0 else { return prompts }
        let context = contexts / outputs, streams = Double(concurrency)
        let experts = expertBytes * (1 - pow(1 - expertShare, streams))
        let bytes = weightBytes + experts + streams * context * kvBytes
        let arithmetic =
            streams * ((tokenOperations + headOperations) / peak + context * pairOperations / attentionPeak)
        return prompts + outputs / streams * max(bytes / bandwidth, arithmetic)
    }
}
