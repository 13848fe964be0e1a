package import ApusJSON

/// `quantization_config` of a config.json: how the checkpoint's own numbers are quantised.
///
/// Read is what the compressed-tensors library writes (https://github.com/vllm-project/compressed-tensors) for symmetric
/// integers: 8 bits with a scale per output for activations that are quantised as they come ("W8A8", `int-quantized`),
/// and 4 bits with a scale per group ("W4A16", `pack-quantized`). Anything else is refused by its name.
package struct StoredQuantization: Sendable, Hashable {
    package let scheme: Quantization
    /// Inputs that share a scale; nil: all of an output's.
    package let groupSize: Int?

    /// Why a `quantization_config` is not read, as the end of "… is not supported".
    struct Refusal: Error {
        let scheme: String
    }

    init(_ json: JSONValue) throws(Refusal) {
        let method = json["quant_method"]?.stringValue ?? "unknown"
        guard method == "compressed-tensors" else { throw Refusal(scheme: Self.title(method)) }
        let groups = (json["config_groups"]?.objectValue ?? [:]).map(\.value)
        guard groups.count == 1, let group = groups.first, let weights = group["weights"] else {
            throw Refusal(scheme: "compressed-tensors with \(groups.count) groups of tensors")
        }
        let activations = group["input_activations"].flatMap { $0.isNull ? Optional<JSONValue>.none : $0 }
        let bits = weights["num_bits"]?.intValue ?? 0
        let type = weights["type"]?.stringValue ?? "unknown"
        let strategy = weights["strategy"]?.stringValue ?? "unknown"
        let name = Self.name(weights: weights, activations: activations)
        guard type == "int", weights["symmetric"]?.boolValue ?? true else { throw Refusal(scheme: name) }
        if let sparsity = json["sparsity_config"]?.objectValue, !sparsity.isEmpty {
            throw Refusal(scheme: "\(name) with sparsity")
        }
        switch (bits, strategy) {
        case (8, "channel"):
            guard let activations, Self.isDynamicInt8(activations), json["format"]?.stringValue == "int-quantized"
            else {
                throw Refusal(scheme: name)
            }
            scheme = .w8a8Int8
            groupSize = nil
        case (4, "group"), (4, "channel"):
            guard activations == nil, json["format"]?.stringValue == "pack-quantized" else {
                throw Refusal(scheme: name)
            }
            if let order = weights["actorder"]?.stringValue, order == "group" {
                throw Refusal(scheme: "\(name) with groups in the order of activations")
            }
            groupSize = strategy == "group" ? weights["group_size"]?.intValue ?? 0 : nil
            if let groupSize {
                guard groupSize > 0, groupSize.isMultiple(of: 32) else {
                    throw Refusal(scheme: "\(name) in groups of \(groupSize)")
                }
                scheme = .int4(groupSize: groupSize.isMultiple(of: 128) ? 128 : 32)
            } else {
                scheme = .int4(groupSize: 128)
            }
        default: throw Refusal(scheme: name)
        }
    }

    private static func isDynamicInt8(_ activations: JSONValue) -> Bool {
        activations["num_bits"]?.intValue == 8 && activations["type"]?.stringValue == "int"
            && activations["dynamic"]?.boolValue ?? false && activations["strategy"]?.stringValue == "token"
            && activations["symmetric"]?.boolValue ?? true
    }

    /// "compressed-tensors W4A16", "compressed-tensors FP8 W8A8", …
    private static func name(weights: JSONValue, activations: JSONValue?) -> String {
        let float = weights["type"]?.stringValue == "float"
        let bits = weights["num_bits"]?.intValue ?? 0
        let asymmetric = weights["symmetric"]?.boolValue ?? true ? "" : "asymmetric "
        let fixed = activations.map { $0["dynamic"]?.boolValue ?? false ? "" : "static " } ?? ""
        let strategy = weights["strategy"]?.stringValue ?? "unknown"
        return "compressed-tensors \(asymmetric)\(fixed)\(float ? "FP\(bits) " : "")W\(bits)A"
            + "\(activations?["num_bits"]?.intValue ?? 16) by \(strategy)"
    }

    private static func title(_ method: String) -> String {
        let known = [
            "gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "bitsandbytes": "bitsandbytes", "gguf": "GGUF",
            "mxfp4": "MXFP4",
            "auto-round": "AutoRound", "aqlm": "AQLM", "hqq": "HQQ", "modelopt": "ModelOpt", "torchao": "torchao",
        ]
        return known[method] ?? "quant_method '\(method)'"
    }
}
