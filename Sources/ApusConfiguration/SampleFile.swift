/// `Config/apus.yaml`: every key that the file may hold and that changes something, with default and unit.
package enum SampleFile {
    package static func render(table: FlagTable = .standard) -> String {
        var text = """
            # Every setting of Apus with its default; made by `apus settings`, and kept equal to it by a test.
            # Use: apus serve --config apus.yaml. Keys are the flags of `apus serve --help`; the command line and
            # environment variables (APUS_PORT=30001) go before this file. A key whose value is empty is as good as absent.

            """
        for section in Flag.Section.allCases {
            let flags = table.flags.filter { $0.section == section && $0.isEffective && $0.name != "config" }
            guard !flags.isEmpty else { continue }
            text += "\n# \(section.rawValue)\n"
            for flag in flags { text += entry(flag) }
        }
        return text
    }

    private static func entry(_ flag: Flag) -> String {
        var description = flag.help
        switch flag.support {
        case .only(let texts, _): description += " One of: \(texts.joined(separator: ", "))."
        default:
            if case .choice(let choices) = flag.kind {
                description += " One of: \(choices.joined(separator: ", "))."
            }
        }
        if !flag.unit.isEmpty { description += " In \(flag.unit)." }
        return "\n" + HelpText.wrapped(description, indent: 0, prefix: "# ")
            + "\(flag.name):\(value(flag.defaultValue))\n"
    }

    private static func value(_ value: FlagValue) -> String {
        switch value {
        case .null: ""
        case .text(let text): text.isEmpty || text.contains("{") ? " \"\(text)\"" : " \(text)"
        default: " \(value.commandLineText)"
        }
    }
}
