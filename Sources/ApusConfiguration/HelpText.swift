/// The text of `apus <command> --help`, from the table.
package enum HelpText {
    /// What works comes first, section by section; what is only accepted is named at the end.
    package static func render(command: String, table: FlagTable = .standard) -> String {
        var text = """
            usage: apus \(command) [--flag value | --flag=value]...

            A flag may also stand in the environment (APUS_ and its name: APUS_MAX_TOTAL_TOKENS) or in a YAML file
            (--config): command line > environment > file > default. Beginnings of names that fit one flag will do.
            Token counts may be written 32k (32000), 32Ki (32768), 1M.

            """
        for section in Flag.Section.allCases {
            let flags = table.flags.filter { $0.section == section && $0.isEffective }
            guard !flags.isEmpty else { continue }
            text += "\n\(section.rawValue):\n"
            for flag in flags { text += entry(flag) }
        }
        let ignored = table.flags.filter(\.isIgnored).map { "--\($0.name)" }
        text += "\nAccepted without effect, for command lines written for other servers:\n"
        text += wrapped(ignored.joined(separator: ", "), indent: 2)
        return text
    }

    private static func entry(_ flag: Flag) -> String {
        let names = ([flag.name] + flag.aliases).map { "--\($0)" }.joined(separator: ", ")
        let placeholder = Self.placeholder(of: flag)
        return wrapped(placeholder.isEmpty ? names : "\(names) \(placeholder)", indent: 2)
            + wrapped(description(of: flag), indent: 8)
    }

    /// What stands for the value: of a choice, only what is possible here.
    static func placeholder(of flag: Flag) -> String {
        if case .only(let texts, _) = flag.support, case .choice = flag.kind {
            return FlagKind.choice(texts).placeholder
        }
        return flag.kind.placeholder
    }

    /// What it does, which values it takes, and what holds without it.
    static func description(of flag: Flag) -> String {
        var description = flag.help
        if case .only(let texts, _) = flag.support { description += " Supported: \(texts.joined(separator: ", "))." }
        if flag.defaultValue != .null && flag.defaultValue != .boolean(false) && flag.defaultValue != .text("") {
            let unit = flag.unit.isEmpty ? "" : " \(flag.unit)"
            description += " Default: \(flag.defaultValue.commandLineText)\(unit)."
        } else if !flag.unit.isEmpty {
            description += " In \(flag.unit)."
        }
        return description
    }

    /// Words in lines of at most 100 characters.
    static func wrapped(_ text: String, indent: Int, prefix: String = "") -> String {
        let margin = String(repeating: " ", count: indent) + prefix
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty && margin.count + line.count + 1 + word.count > 100 {
                lines.append(margin + line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        lines.append(margin + line)
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Flag {
    /// The flag can change something.
    var isEffective: Bool {
        switch support {
        case .works: true
        case .only(let texts, _): texts.count > 1
        case .noEffect, .refused: false
        }
    }

    var isIgnored: Bool {
        if case .noEffect = support { true } else { false }
    }
}
