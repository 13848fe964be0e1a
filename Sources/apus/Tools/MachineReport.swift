import ApusEngine
import ApusJSON
import ApusTensor

/// Measured limits of the machine, and what they leave to a model, for people and as JSON.
struct MachineReport {
    let limits: MachineLimits
    /// nil: no model was named.
    let cost: StepCost?
    /// What else ran meanwhile; nil: unknown.
    private let others: Double?

    /// Measures; takes about ten seconds.
    init(threads: Int, cores: [Int], cost: StepCost?) throws {
        let watch = ProcessorWatch()
        limits = try MachineProbe(threads: threads, cores: cores).measure()
        others = watch.othersShare()
        self.cost = cost
    }

    /// What is to be said of limits that were measured beside others; nil: the machine was quiet.
    static func caution(others: Double?) -> String? {
        guard let others, others > 0.05 else { return nil }
        return
            "\(Int((others * 100).rounded()))% of the processors went to others meanwhile, so that limits may be too low"
    }

    private static let prompts = [512, 2048]
    private static let batches = [(1, 512), (8, 256), (32, 256), (1, 8192)]

    var facts: [(String, String)] {
        var facts = limits.bandwidths.map { item in
            ("memory, threads \(item.threads)", "\(tenths(item.bytesPerSecond / 1e9)) GB/s")
        }
        for peak in limits.peaks {
            let gigas = "\(tenths(peak.one / 1e9)) Gop/s a thread, \(tenths(peak.all / 1e9)) all"
            facts.append(("\(peak.set) \(peak.number.rawValue)", gigas))
        }
        facts.append(("barrier", "\(tenths(limits.barrier * 1e6)) us, \(limits.threads) threads"))
        if let caution = Self.caution(others: others) { facts.append(("busy", caution)) }
        guard let cost else { return facts }
        for length in Self.prompts {
            let rate = Double(length) / cost.prefillSeconds(length: length, on: limits)
            facts.append(("prefill ceiling \(length)", "\(tenths(rate)) tokens/s"))
        }
        for (batch, context) in Self.batches {
            let rate = Double(batch) / cost.decodeSeconds(batch: batch, context: context, on: limits)
            facts.append(("decode ceiling \(batch) x \(context)", "\(tenths(rate)) tokens/s"))
        }
        return facts
    }

    /// What `apus-bench --machine-limits` reads.
    var json: JSONValue {
        var object: JSONObject = [
            "threads": JSONValue(limits.threads),
            "bandwidth": .double(limits.bandwidth),
            "bandwidths": .array(
                limits.bandwidths.map {
                    ["threads": JSONValue($0.threads), "bytes_per_second": .double($0.bytesPerSecond)]
                }),
            "peaks": .array(
                limits.peaks.map {
                    [
                        "set": .string($0.set), "number": .string($0.number.rawValue), "one": .double($0.one),
                        "all": .double($0.all),
                    ]
                }),
            "barrier_seconds": .double(limits.barrier),
            "others_share": others.map { .double($0) } ?? .null,
        ]
        if let cost {
            object["model"] = [
                "peak": .double(limits.peak(cost.number)),
                "attention_peak": .double(limits.peak(cost.attentionNumber)),
                "token_operations": .double(cost.tokenOperations),
                "head_operations": .double(2 * Double(cost.headWeights)),
                "pair_operations": JSONValue(cost.pairOperations), "weight_bytes": .double(cost.sharedBytes),
                "expert_bytes": .double(cost.expertBytes), "expert_share": .double(cost.expertShare),
                "kv_bytes": JSONValue(cost.kvBytes),
            ]
        }
        return .object(object)
    }
}

/// A number with one decimal.
func tenths(_ value: Double) -> String {
    let scaled = Int((value * 10).rounded())
    return "\(scaled / 10).\(abs(scaled % 10))"
}
