extension FlagTable {
    private static let oneWayOfExperts = Flag.Support.noEffect("experts run in one way, on one rank")
    private static let noGraphs = Flag.Support.noEffect("there is nothing to compile or capture on a CPU")
    private static let oneRank = "this version runs one scheduler"

    static let executionFlags: [Flag] = [
        Flag(
            "device", .text, .only(["cpu", "auto"], "Apus runs on CPUs"), section: .execution,
            "Where the model runs: cpu."),
        Flag(
            "threads", .integer(1...4096), section: .execution, unit: "threads",
            "Threads of the scheduler's arithmetic. Default: the CPUs that the process may use."),
        Flag(
            "random-seed", .integer(0...Int(Int32.max)), section: .execution,
            "Seed of sampling without a seed of its own. Default: drawn at start-up."),
        Flag(
            "tp-size", aliases: ["tp", "tensor-parallel-size"], .integer(1...Int.max), default: .integer(1),
            .only(["1"], oneRank), section: .execution, "Tensor-parallel ranks."),
        Flag(
            "dp-size", aliases: ["dp", "data-parallel-size"], .integer(1...Int.max), default: .integer(1),
            .only(["1"], oneRank), section: .execution, "Replicas."),
        Flag(
            "pp-size", aliases: ["pp", "pipeline-parallel-size"], .integer(1...Int.max), default: .integer(1),
            .only(["1"], oneRank), section: .execution, "Pipeline stages."),
        Flag(
            "ep-size", aliases: ["ep", "expert-parallel-size"], .integer(1...Int.max), default: .integer(1),
            .only(["1"], oneRank), section: .execution, "Expert-parallel ranks."),
        Flag(
            "nnodes", .integer(1...Int.max), default: .integer(1), .only(["1"], "Apus runs on one machine"),
            section: .execution, "Machines."),
        Flag(
            "node-rank", .integer(0...Int.max), default: .integer(0), .only(["0"], "Apus runs on one machine"),
            section: .execution, "Number of this machine."),
        Flag(
            "dist-init-addr", aliases: ["nccl-init-addr"], .text, .noEffect("Apus runs on one machine"),
            section: .execution, "Accepted for compatibility."),
        Flag(
            "load-balance-method", .text, default: .text("auto"), .noEffect(oneRank), section: .execution,
            "Accepted for compatibility."),
        Flag(
            "numa-node", .list, .refused("bind the scheduler with SGLANG_CPU_OMP_THREADS_BIND or numactl"),
            section: .execution, "NUMA node of each rank."),
        Flag(
            "attention-backend", .text, .noEffect("kernels are chosen by what the CPU can do"), section: .execution,
            "Accepted for compatibility."),
        Flag(
            "sampling-backend", .text, .noEffect("there is one sampler"), section: .execution,
            "Accepted for compatibility."),
        Flag(
            "grammar-backend", .choice(["xgrammar", "outlines", "llguidance", "none"]), default: .text("xgrammar"),
            section: .execution, "Engine of constrained output: Apus' own under any name, or none."),
        Flag(
            "constrained-json-whitespace-pattern", .text, section: .execution,
            "White space in constrained JSON, as a regular expression."),
        Flag(
            "constrained-json-disable-any-whitespace", .boolean, default: .boolean(false), section: .execution,
            "No free white space in constrained JSON."),
        Flag(
            "constrained-json-max-whitespace-cnt", .integer(0...1_000), section: .execution,
            "Most white space in a row in constrained JSON (32)."),
        Flag(
            "enable-deterministic-inference", .boolean, default: .boolean(false),
            .noEffect("results never depend on the batch"), section: .execution, "Accepted for compatibility."),
        Flag(
            "enable-custom-logit-processor", .boolean, default: .boolean(false),
            .refused("Apus runs no Python code of requests"), section: .execution, "Code in requests."),
        Flag(
            "enable-return-hidden-states", .boolean, default: .boolean(false), section: .execution,
            "Let requests ask for hidden states: --return-hidden-states-mode full."),
        Flag(
            "return-hidden-states-mode", .choice(["last", "full"]), section: .execution,
            "Hidden states that requests may ask for: of the last token, or of prompt and output."),
        Flag(
            "enable-torch-compile", .boolean, default: .boolean(false), noGraphs, section: .execution,
            "Accepted for compatibility."),
        Flag(
            "torch-compile-max-bs", .integer(1...Int.max), noGraphs, section: .execution, "Accepted for compatibility."),
        Flag(
            "disable-cuda-graph", .boolean, default: .boolean(false), noGraphs, section: .execution,
            "Accepted for compatibility."),
        Flag(
            "enable-memory-saver", .boolean, default: .boolean(false),
            .noEffect("memory can always be released"), section: .execution, "Accepted for compatibility."),
        Flag(
            "enable-lora", .boolean, default: .boolean(false), .refused("adapters are not supported by this version"),
            section: .execution, "LoRA adapters."),
        Flag(
            "max-loras-per-batch", .integer(1...Int.max), .refused("adapters are not supported by this version"),
            section: .execution, "LoRA adapters of one step."),
        Flag(
            "max-loaded-loras", .integer(1...Int.max), .refused("adapters are not supported by this version"),
            section: .execution, "LoRA adapters in memory."),
        Flag(
            "disaggregation-mode", .choice(["null", "prefill", "decode"]), default: .text("null"),
            .only(["null"], "one scheduler does prefill and decoding"), section: .execution,
            "Split of prefill and decoding."),
        Flag(
            "sleep-on-idle", .boolean, default: .boolean(false), .noEffect("an idle scheduler always sleeps"),
            section: .execution, "Accepted for compatibility."),
        Flag(
            "gc-threshold", .list, .noEffect("there is no garbage collector"), section: .execution,
            "Accepted for compatibility."),
        Flag(
            "expert-distribution-recorder-mode", .choice(["stat", "stat_approx", "per_pass", "per_token"]),
            section: .execution,
            "What is recorded of the experts' use: counts, those of each pass, or whom each token visits. Default: stat."
        ),
        Flag(
            "expert-distribution-recorder-buffer-size", .integer(-1...Int.max),
            section: .execution, unit: "passes",
            "Single passes that a record keeps beside the counts of all. Default: 1000; -1: as many as 256 MiB hold."),
        Flag(
            "enable-expert-distribution-metrics", .boolean, default: .boolean(false),
            .refused("record experts instead"), section: .execution, "Metrics of the experts' use."),
        Flag(
            "enable-eplb", .boolean, default: .boolean(false), .refused("there is one rank: nothing to balance"),
            section: .execution, "Balancing of experts."),
        Flag(
            "init-expert-location", .text, default: .text("trivial"), .only(["trivial"], "there is one rank"),
            section: .execution, "Placing of experts."),
        Flag(
            "enable-dp-attention", .boolean, default: .boolean(false), .noEffect("there is one rank"),
            section: .execution, "Accepted for compatibility."),
        Flag(
            "enable-multimodal", .boolean, default: .boolean(false), .refused("Apus serves text models"),
            section: .execution, "Images and sound."),
    ]

    static let executionFamilies: [FlagFamily] = [
        FlagFamily("cuda-graph-", noGraphs),
        FlagFamily("disable-cuda-graph-", noGraphs),
        FlagFamily("speculative-", .refused("speculative decoding is not supported by this version")),
        FlagFamily("disaggregation-", .refused("one scheduler does prefill and decoding")),
        FlagFamily("lora-", .refused("adapters are not supported by this version")),
        FlagFamily("moe-", oneWayOfExperts),
        FlagFamily("mm-", .refused("Apus serves text models")),
    ]
}
