extension FlagTable {
    private static let priorities = Flag.Support.refused("requests have no priorities in this version")
    private static let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude
    private static let nonNegative = 0...Double.greatestFiniteMagnitude

    static let memoryFlags: [Flag] = [
        Flag(
            "mem-fraction-static", .number(0.01...1), section: .memory,
            "Share of the memory that weights and KV pool take. Default: what is left beside a reserve."),
        Flag(
            "max-total-tokens", .tokenCount(1...Int.max), section: .memory, unit: "tokens",
            "Upper limit of the KV pool. Default: what the memory holds."),
        Flag(
            "max-running-requests", .integer(1...Int.max), section: .memory, unit: "requests",
            "Requests that run at once. Default: by pool and context length."),
        Flag(
            "max-queued-requests", .integer(1...Int.max), section: .memory, unit: "requests",
            "Requests that wait; more are answered 503. Default: no limit."),
        Flag(
            "chunked-prefill-size", .integer(-1...Int.max), section: .memory, unit: "tokens",
            "Prompt tokens that one step computes at most; -1: whole prompts. Default: by memory."),
        Flag(
            "max-prefill-tokens", .tokenCount(1...Int.max), default: .integer(16384), section: .memory, unit: "tokens",
            "Prompt tokens of one step over all requests."),
        Flag(
            "prefill-max-requests", .integer(1...Int.max), section: .memory, unit: "requests",
            "Requests whose prompt one step computes. Default: no limit."),
        Flag(
            "schedule-policy",
            .choice([
                "lpm", "random", "fcfs", "dfs-weight", "lof", "routing-key", "hrrn", "shortest-prefill-first",
            ]), default: .text("fcfs"),
            .only(
                ["fcfs", "lpm", "dfs-weight", "lof", "random"], "this version has fcfs, lpm, dfs-weight, lof, random"),
            section: .memory, "Order of waiting requests."),
        Flag(
            "schedule-conservativeness", .number(nonNegative), default: .number(1), section: .memory,
            "Scales the memory that is set aside for tokens still to come; larger retracts less."),
        Flag(
            "enable-priority-scheduling", .boolean, default: .boolean(false), priorities, section: .memory,
            "Requests have priorities."),
        Flag(
            "schedule-low-priority-values-first", .boolean, default: .boolean(false), priorities, section: .memory,
            "Low values first."),
        Flag(
            "disable-priority-preemption", .boolean, default: .boolean(false), priorities, section: .memory,
            "No preemption."),
        Flag(
            "abort-on-priority-when-disabled", .boolean, default: .boolean(false), priorities, section: .memory,
            "Refuse requests with a priority."),
        Flag("default-priority-value", .integer(Int.min...Int.max), priorities, section: .memory, "Default priority."),
        Flag(
            "priority-scheduling-preemption-threshold", .integer(Int.min...Int.max), default: .integer(10), priorities,
            section: .memory, "Difference that preempts."),
        Flag(
            "retraction-policy", .choice(["length", "priority"]), default: .text("length"),
            .only(["length"], "requests have no priorities in this version"), section: .memory,
            "Who gives memory back first when the pool is full."),
        Flag(
            "disable-radix-cache", .boolean, default: .boolean(false), section: .memory,
            "Do not keep prefixes of earlier requests."),
        Flag(
            "radix-eviction-policy", .choice(["lru", "lfu", "slru", "fifo", "mru", "filo", "priority"]),
            default: .text("lru"), .only(["lru"], "cached prefixes are dropped in least-recently-used order"),
            section: .memory, "Which cached prefixes are dropped first."),
        Flag(
            "radix-eviction-policy-config", .jsonObject, .refused("the lru policy has no settings"), section: .memory,
            "Settings of the eviction policy."),
        Flag(
            "page-size", .integer(1...4096), section: .memory, unit: "tokens",
            "Tokens of a KV page. Default: 1."),
        Flag(
            "disable-overlap-schedule", .boolean, default: .boolean(false),
            .noEffect("scheduling a step takes microseconds and is not overlapped"), section: .memory,
            "Accepted for compatibility."),
        Flag(
            "num-continuous-decode-steps", .integer(1...Int.max), default: .integer(1),
            .noEffect("new requests are looked at after each step"), section: .memory, unit: "steps",
            "Accepted for compatibility."),
        Flag(
            "scheduler-recv-interval", .integer(1...Int.max), default: .integer(1),
            .noEffect("new requests are looked at after each step"), section: .memory, unit: "steps",
            "Accepted for compatibility."),
        Flag(
            "enable-mixed-chunk", .boolean, default: .boolean(false),
            .noEffect("chunks of prompts always share their steps with decoding"), section: .memory,
            "Accepted for compatibility."),
        Flag(
            "prefill-decode-interval", .integer(0...Int.max),
            .noEffect("chunks of prompts always share their steps with decoding"), section: .memory,
            "Accepted for compatibility."),
        Flag(
            "min-free-slots-delay", .integer(0...Int.max), .noEffect("prefill is not delayed"), section: .memory,
            "Accepted for compatibility."),
        Flag(
            "enable-prefill-delayer", .boolean, default: .boolean(false), .noEffect("prefill is not delayed"),
            section: .memory, "Accepted for compatibility."),
        Flag(
            "enable-hierarchical-cache", .boolean, default: .boolean(false),
            .refused("the KV pool has one tier, memory"),
            section: .memory, "Cache tiers."),
        Flag(
            "enable-lmcache", .boolean, default: .boolean(false), .refused("the KV pool has one tier, memory"),
            section: .memory, "External cache."),
        Flag(
            "enable-flexkv", .boolean, default: .boolean(false), .refused("the KV pool has one tier, memory"),
            section: .memory, "External cache."),
        Flag(
            "enable-hisparse", .boolean, default: .boolean(false), .refused("attention is not sparse"),
            section: .memory,
            "Sparse attention."),
    ]

    static let memoryFamilies: [FlagFamily] = [
        FlagFamily("hicache-", .refused("the KV pool has one tier, memory")),
        FlagFamily("prefill-delayer-", .noEffect("prefill is not delayed")),
    ]
}
