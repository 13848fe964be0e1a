/// A command of the executable, as documents name it.
package struct DocumentedCommand: Sendable {
    package let name: String
    package let abstract: String
    /// It takes the flags of the table.
    package let takesFlags: Bool

    package init(name: String, abstract: String, takesFlags: Bool) {
        self.name = name
        self.abstract = abstract
        self.takesFlags = takesFlags
    }
}

/// `apus(1)` in roff (man(7)), from the table.
package enum ManualPage {
    package static func render(
        commands: [DocumentedCommand], version: String, table: FlagTable = .standard
    ) -> String {
        var page = """
            .TH APUS 1 "" "Apus \(version)" "User Commands"
            .SH NAME
            apus \\- serve language models on CPUs over SGLang's HTTP API
            .SH SYNOPSIS
            .B apus
            .I command
            .RI [ flag ]...
            .SH COMMANDS

            """
        for command in commands { page += entry(bold(command.name), command.abstract) }
        let serving = commands.filter(\.takesFlags).map { bold($0.name) }.joined(separator: ", ")
        page += """
            .SH FLAGS
            These are the flags of \(serving). They are written \(bold("--flag value")) or \(bold("--flag=value")); beginnings
            of names that fit one flag will do. A flag may also stand in the environment (\(bold("APUS_MAX_TOTAL_TOKENS"))
            for \(bold("--max-total-tokens"))) or in a YAML file (\(bold("--config"))): the command line goes before the
            environment, and the environment before the file. Token counts may be written 32k (32000), 32Ki (32768) or 1M.

            """
        for section in Flag.Section.allCases {
            let flags = table.flags.filter { $0.section == section && $0.isEffective }
            guard !flags.isEmpty else { continue }
            page += ".SS \(escaped(section.rawValue))\n"
            for flag in flags { page += entry(names(flag), HelpText.description(of: flag)) }
        }
        let ignored = table.flags.filter(\.isIgnored).map { bold("--\($0.name)") }
        page += """
            .SS Accepted without effect, for command lines written for other servers
            \(ignored.joined(separator: ",\n"))
            .SH SIGNALS
            \(entry(bold("SIGTERM") + ", " + bold("SIGINT"), "Finish the requests in flight, then end. A second one ends at once."))\
            \(entry(bold("SIGHUP"), "Read the configuration, keys and certificates again, and obey what can change while the server runs; on a terminal: end."))\
            .SH EXIT STATUS
            \(entry("0", "The server was asked to end."))\
            \(entry("2", "The command line, the environment or the configuration file is wrong."))\
            \(entry("78", "Files or machine do not allow what is asked for."))\
            .SH FILES
            \(entry("/etc/apus/apus.yaml", "The configuration that the system's services use."))\
            \(entry("/etc/credstore/apus.api-key, /etc/credstore/apus.admin-api-key", "Keys of the system's services."))\
            \(entry("/usr/share/apus/models", "The model that is served unless another is named."))\
            .SH SEE ALSO
            .BR systemctl (1),
            .BR curl (1)

            """
        return page
    }

    private static func names(_ flag: Flag) -> String {
        let names = ([flag.name] + flag.aliases).map { bold("--\($0)") }.joined(separator: ", ")
        let placeholder = HelpText.placeholder(of: flag)
        return placeholder.isEmpty ? names : "\(names) \\fI\(escaped(placeholder))\\fR"
    }

    private static func entry(_ term: String, _ text: String) -> String {
        ".TP\n\(term.hasPrefix("\\f") ? term : escaped(term))\n\(escaped(text))\n"
    }

    private static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// Text that roff shows as it is: backslashes and hyphens mean something to it, and so do dots and apostrophes that
    /// begin a line.
    private static func escaped(_ text: String) -> String {
        let text = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&\(text)" : text
    }
}
