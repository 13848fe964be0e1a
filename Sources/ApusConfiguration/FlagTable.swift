/// The launch flags: parser, environment, file, help, `/get_server_info` and `Config/apus.yaml` all follow it.
package struct FlagTable: Sendable {
    package let flags: [Flag]
    package let families: [FlagFamily]
    /// Index in `flags` by name and alias.
    private let index: [String: Int]

    /// The flags of `apus serve` and of each role.
    package static let standard = FlagTable(
        flags: modelFlags + httpFlags + memoryFlags + executionFlags + observabilityFlags + processFlags,
        families: executionFamilies + memoryFamilies)

    package init(flags: [Flag], families: [FlagFamily] = []) {
        self.flags = flags
        self.families = families
        var index: [String: Int] = [:]
        for (position, flag) in flags.enumerated() {
            for name in [flag.name] + flag.aliases {
                precondition(index.updateValue(position, forKey: name) == nil, "--\(name) is declared twice")
            }
        }
        self.index = index
    }

    /// The flag called exactly `name` (or an alias of it), without dashes.
    package func flag(named name: String) -> Flag? {
        index[name].map { flags[$0] }
    }

    package func family(of name: String) -> FlagFamily? {
        families.first { name.hasPrefix($0.prefix) }
    }

    /// What `name` on a command line means: the whole name, or a beginning that fits one, or one and those that go on from it.
    package func match(_ name: String) -> Match {
        if let flag = flag(named: name) { return .flag(flag) }
        if let family = family(of: name) { return .family(family) }
        guard !name.isEmpty else { return .unknown(suggestions: []) }
        let positions = Set(index.compactMap { $0.key.hasPrefix(name) ? $0.value : nil })
        switch positions.count {
        case 0: return .unknown(suggestions: NearNames.suggestions(for: name, among: Array(index.keys)))
        case 1: return .flag(flags[positions.first!])
        default:
            // "--admin-api" means --admin-api-key, and not what goes on from there.
            if let shortest = positions.min(by: { flags[$0].name.count < flags[$1].name.count }),
                positions.allSatisfy({ flags[$0].name.hasPrefix(flags[shortest].name) })
            {
                return .flag(flags[shortest])
            }
            return .ambiguous(positions.sorted().map { flags[$0].name })
        }
    }

    package enum Match {
        case flag(Flag)
        case family(FlagFamily)
        case ambiguous([String])
        case unknown(suggestions: [String])
    }
}
