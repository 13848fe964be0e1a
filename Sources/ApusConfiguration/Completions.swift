/// Scripts by which shells complete command lines, from the table.
package enum Completions {
    package enum Shell: String, Sendable, CaseIterable {
        case bash
        case zsh
        case fish
    }

    package static func render(
        _ shell: Shell, commands: [DocumentedCommand], table: FlagTable = .standard
    ) -> String {
        let flags = table.flags.filter(\.isEffective)
        return switch shell {
        case .bash: bash(commands, flags)
        case .zsh: zsh(commands, flags)
        case .fish: fish(commands, flags)
        }
    }

    /// Words that a flag's value is one of; nil: anything.
    private static func words(_ flag: Flag) -> [String]? {
        switch (flag.support, flag.kind) {
        case (.only(let texts, _), _): texts
        case (_, .choice(let choices)): choices
        default: nil
        }
    }

    private static func names(_ flag: Flag) -> [String] { ([flag.name] + flag.aliases).map { "--\($0)" } }

    // MARK: bash

    private static func bash(_ commands: [DocumentedCommand], _ flags: [Flag]) -> String {
        var cases = ""
        for flag in flags {
            guard let words = words(flag) else { continue }
            cases += """
                        \(names(flag).joined(separator: " | ")))
                            COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- "$word"))
                            return
                            ;;

                """
        }
        let values = flags.filter { $0.kind != .boolean }.flatMap(names).joined(separator: " | ")
        return """
            # Completion of apus for bash.
            _apus() {
                local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
                COMPREPLY=()
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W '\(commands.map(\.name).joined(separator: " "))' -- "$word"))
                    return
                fi
                case ${COMP_WORDS[1]} in
                    \(commands.filter(\.takesFlags).map(\.name).joined(separator: " | "))) ;;
                    *)
                        COMPREPLY=($(compgen -f -- "$word"))
                        return
                        ;;
                esac
                case $before in
            \(cases)        \(values))
                        COMPREPLY=($(compgen -f -- "$word"))
                        return
                        ;;
                esac
                COMPREPLY=($(compgen -W '\(flags.flatMap(names).joined(separator: " ")) --help' -- "$word"))
            }
            complete -o filenames -F _apus apus

            """
    }

    // MARK: zsh

    private static func zsh(_ commands: [DocumentedCommand], _ flags: [Flag]) -> String {
        func quoted(_ text: String) -> String {
            text.replacing("'", with: "'\\''").replacing("[", with: "(").replacing("]", with: ")")
                .replacing(":", with: "\\:")
        }
        let lines = flags.flatMap { flag in
            names(flag).map { name in
                let value =
                    switch flag.kind {
                    case .boolean: ""
                    default: ":value:\(words(flag).map { "(\($0.joined(separator: " ")))" } ?? "_files")"
                    }
                return "            '\(name)[\(quoted(flag.help))]\(value)' \\\n"
            }
        }
        let descriptions = commands.map { "        '\($0.name):\(quoted($0.abstract))'\n" }
        return """
            #compdef apus
            # Completion of apus for zsh.
            local -a commands
            commands=(
            \(descriptions.joined())    )
            if ((CURRENT == 2)); then
                _describe 'command' commands
                return
            fi
            case $words[2] in
                \(commands.filter(\.takesFlags).map(\.name).joined(separator: "|")))
                    ((CURRENT--))
                    shift words
                    _arguments \\
            \(lines.joined())            '--help[Show all flags.]'
                    ;;
                *) _files ;;
            esac

            """
    }

    // MARK: fish

    private static func fish(_ commands: [DocumentedCommand], _ flags: [Flag]) -> String {
        func quoted(_ text: String) -> String {
            "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
        }
        var text = "# Completion of apus for fish.\ncomplete -c apus -f\n"
        for command in commands {
            text += "complete -c apus -n __fish_use_subcommand -a \(command.name) -d \(quoted(command.abstract))\n"
        }
        let serving = commands.filter(\.takesFlags).map(\.name).joined(separator: " ")
        text += "set -l serving '__fish_seen_subcommand_from \(serving)'\n"
        for flag in flags {
            for name in [flag.name] + flag.aliases {
                let value =
                    switch flag.kind {
                    case .boolean: ""
                    default: words(flag).map { " -x -a \(quoted($0.joined(separator: " ")))" } ?? " -r -F"
                    }
                text += "complete -c apus -n \"$serving\" -l \(name)\(value) -d \(quoted(flag.help))\n"
            }
        }
        return text
    }
}
