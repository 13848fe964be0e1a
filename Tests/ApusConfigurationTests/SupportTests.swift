import ApusConfiguration
import Testing

/// Every flag of the table is obeyed, warned about or refused: none is silently ignored.
struct SupportTests {
    @Test(arguments: [
        (["--tp", "2"], "argument --tp-size: 2 is not supported: this version runs one scheduler"),
        (["--pp-size", "2"], "argument --pp-size: 2 is not supported: this version runs one scheduler"),
        (["--nnodes", "2"], "argument --nnodes: 2 is not supported: Apus runs on one machine"),
        (["--device", "cuda"], "argument --device: cuda is not supported: Apus runs on CPUs"),
        (
            ["--schedule-policy", "hrrn"],
            "argument --schedule-policy: hrrn is not supported: this version has fcfs, lpm, dfs-weight, lof, random"
        ),
        (
            ["--load-format", "gguf"],
            "argument --load-format: gguf is not supported: weights are read from safetensors files, or are random (dummy)"
        ),
        (
            ["--kv-cache-dtype", "fp8_e5m2"],
            "argument --kv-cache-dtype: fp8_e5m2 is not supported: processors do not compute in it; int8 is as small as fp8"
        ),
        (
            ["--quantization", "awq"],
            "argument --quantization: awq is not supported: w8a8_int8, int4, int4-32 and int4-128 quantise at load, and "
                + "checkpoints of compressed-tensors (W8A8 and W4A16 of symmetric integers) are read"
        ),
        (["--enable-lora"], "argument --enable-lora: not supported: adapters are not supported by this version"),
        (["--lora-paths", "a=b"], "argument --lora-paths: not supported: adapters are not supported by this version"),
        (
            ["--speculative-algorithm", "EAGLE"],
            "argument --speculative-algorithm: not supported: speculative decoding is not supported by this version"
        ),
        (["--hicache-ratio", "2"], "argument --hicache-ratio: not supported: the KV pool has one tier, memory"),
        (
            ["--enable-priority-scheduling"],
            "argument --enable-priority-scheduling: not supported: requests have no priorities in this version"
        ),
    ])
    func `what is not supported is refused with the reason`(arguments: [String], message: String) {
        #expect(refusal(arguments) == message)
    }

    @Test(arguments: FlagTable.standard.flags)
    func `a flag is obeyed, warned about once, or refused`(flag: Flag) throws {
        let arguments = try #require(Self.arguments(for: flag))
        switch flag.support {
        case .works:
            guard flag.name != "config" else { return }
            let (configuration, warnings) = try loadWithWarnings(arguments)
            #expect(warnings.isEmpty)
            #expect(configuration[flag.name] != flag.defaultValue)
        case .noEffect(let why):
            let (_, warnings) = try loadWithWarnings(arguments)
            #expect(warnings == ["argument --\(flag.name): no effect: \(why)"])
        case .only(let texts, let why):
            for text in texts {
                #expect(try loadWithWarnings(["--model-path", "m", "--\(flag.name)", text]).1.isEmpty)
            }
            if let other = Self.otherText(for: flag, than: texts) {
                #expect(
                    refusal(["--\(flag.name)", other]) == "argument --\(flag.name): \(other) is not supported: \(why)")
            }
        case .refused(let why):
            #expect(refusal(arguments) == "argument --\(flag.name): not supported: \(why)")
        }
    }

    @Test
    func `the value that a flag has anyway is accepted in silence`() throws {
        for flag in FlagTable.standard.flags where flag.defaultValue != .null {
            let text = flag.defaultValue.commandLineText
            let (_, warnings) = try loadWithWarnings(["--\(flag.name)=\(text)"])
            #expect(warnings.isEmpty, "--\(flag.name)=\(text)")
        }
    }

    @Test
    func `a family without effect warns and swallows its values`() throws {
        let (configuration, warnings) = try loadWithWarnings(["--cuda-graph-bs", "1", "2", "--port", "5"])
        #expect(warnings == ["--cuda-graph-bs has no effect: there is nothing to compile or capture on a CPU"])
        #expect(configuration.port == 5)
    }

    /// A command line that sets `flag` to something else than its default.
    static func arguments(for flag: Flag) -> [String]? {
        let name = "--\(flag.name)"
        switch flag.kind {
        case .boolean: return [name]
        case .text: return [name, "word"]
        case .integer(let range), .tokenCount(let range):
            let value = flag.defaultValue == .integer(max(range.lowerBound, 1) + 1) ? 3 : max(range.lowerBound, 1) + 1
            return [name, String(value)]
        case .number(let range): return [name, String(range.contains(0.5) ? 0.5 : range.lowerBound + 1)]
        case .choice(let choices): return choices.first { .text($0) != flag.defaultValue }.map { [name, $0] }
        case .jsonObject: return [name, "{\"a\":1}"]
        case .list: return [name, "a", "b"]
        }
    }

    static func otherText(for flag: Flag, than texts: [String]) -> String? {
        switch flag.kind {
        case .choice(let choices): choices.first { !texts.contains($0) }
        case .integer: "7"
        default: "other"
        }
    }
}
