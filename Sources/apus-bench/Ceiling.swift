import ApusJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a machine leaves to a model at most, as `apus inspect --machine MODEL --json` measured it: says which share of
/// the machine a run made use of.
struct Ceiling: Sendable {
    /// Operations and bytes a second.
    var peak: Double
    var bandwidth: Double
    /// Operations of a token in the layers, of a row in the head, and of a pair of tokens in attention.
    var tokenOperations: Double
    var headOperations: Double
    var pairOperations: Double
    var weightBytes: Double
    var kvBytes: Double

    init(path: String) throws {
        guard let file = fopen(path, "r") else {
            throw HTTPFailure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        try self.init(JSONValue(parsing: Array(bytes.prefix(count))), path: path)
    }

    init(_ json: JSONValue, path: String) throws {
        func number(_ value: JSONValue?, _ name: String) throws -> Double {
            guard let number = value?.doubleValue, number >= 0 else {
                throw HTTPFailure(description: "\(path): no \(name); make it by apus inspect --machine MODEL --json")
            }
            return number
        }
        let model = json["model"]
        bandwidth = try number(json["bandwidth"], "bandwidth")
        peak = try number(model?["peak"], "model.peak")
        tokenOperations = try number(model?["token_operations"], "model.token_operations")
        headOperations = try number(model?["head_operations"], "model.head_operations")
        pairOperations = try number(model?["pair_operations"], "model.pair_operations")
        weightBytes = try number(model?["weight_bytes"], "model.weight_bytes")
        kvBytes = try number(model?["kv_bytes"], "model.kv_bytes")
    }

    /// The shortest time in which those requests could have been served, `concurrency` at once: prompts at the limit of
    /// arithmetic, then steps of one token a stream at that of memory or of arithmetic.
    func seconds(_ requests: [Measurement], concurrency: Int) -> Double {
        var prompts = 0.0, outputs = 0.0, contexts = 0.0
        for request in requests {
            let prompt = Double(request.promptTokens), cached = Double(request.cachedTokens)
            let output = Double(request.outputTokens)
            prompts += (prompt - cached) * tokenOperations + headOperations
            prompts += (prompt * prompt - cached * cached) / 2 * pairOperations
            // A prompt's step gives the first token.
            outputs += max(0, output - 1)
            contexts += max(0, output - 1) * (prompt + output / 2)
        }
        guard outputs > 0 else { return prompts / peak }
        let context = contexts / outputs, streams = Double(concurrency)
        let bytes = weightBytes + streams * context * kvBytes
        let operations = streams * (tokenOperations + headOperations + context * pairOperations)
        return prompts / peak + outputs / streams * max(bytes / bandwidth, operations / peak)
    }
}
