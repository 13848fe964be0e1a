/// One row of the table of launch flags: everything that is known about `--name`.
package struct Flag: Sendable {
    /// Without the dashes, in kebab case. The field of `/get_server_info` is the same in snake case.
    package let name: String
    /// Other spellings, without the dashes.
    package let aliases: [String]
    package let kind: FlagKind
    /// The value when nobody gives one; `.null` where it is worked out at start-up or means "none".
    package let defaultValue: FlagValue
    package let support: Support
    package let section: Section
    package let help: String
    /// Unit of the value as the sample file names it; empty when there is none.
    package let unit: String
    /// The value must not be shown to clients or written to logs.
    package let isSecret: Bool

    /// What Apus does with a flag.
    package enum Support: Sendable, Equatable {
        case works
        /// Accepted for compatibility; the text says why it changes nothing, and is logged once.
        case noEffect(String)
        /// Accepted only with these values; the text says why others are not possible.
        case only([String], String)
        /// Refused when given; the text says what to do instead.
        case refused(String)
    }

    /// Where the help and the sample file show a flag.
    package enum Section: String, Sendable, CaseIterable {
        case model = "Model"
        case http = "HTTP and API"
        case memory = "Memory and scheduling"
        case execution = "Device and execution"
        case observability = "Observability"
        case process = "Processes"
    }

    package init(
        _ name: String, aliases: [String] = [], _ kind: FlagKind, default defaultValue: FlagValue = .null,
        _ support: Support = .works, section: Section, unit: String = "", isSecret: Bool = false, _ help: String
    ) {
        self.name = name
        self.aliases = aliases
        self.kind = kind
        self.defaultValue = defaultValue
        self.support = support
        self.section = section
        self.unit = unit
        self.isSecret = isSecret
        self.help = help
    }

    /// `tp-size` is `tp_size` in `/get_server_info`.
    package var fieldName: String { name.replacing("-", with: "_") }

    /// `tp-size` is read from `APUS_TP_SIZE`.
    package var environmentName: String { "APUS_" + fieldName.uppercased() }
}

/// Flags that share a prefix and a fate, such as `--hicache-*`.
package struct FlagFamily: Sendable {
    /// With its last dash: `hicache-`.
    package let prefix: String
    /// `.noEffect` or `.refused`.
    package let support: Flag.Support

    package init(_ prefix: String, _ support: Flag.Support) {
        self.prefix = prefix
        self.support = support
    }
}
