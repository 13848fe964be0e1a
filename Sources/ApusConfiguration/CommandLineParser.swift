/// Reads arguments by the table, with argparse's rules: `--flag value`, `--flag=value`, bare switches,
/// unambiguous beginnings of names, and its error texts.
package struct CommandLineParser {
    package let table: FlagTable

    package init(table: FlagTable = .standard) {
        self.table = table
    }

    /// Texts by flag name; the last of several wins, as in argparse.
    package struct Result: Sendable, Equatable {
        package var values: [String: String] = [:]
        package var wantsHelp = false
        /// Flags of families that have no effect.
        package var warnings: [String] = []
    }

    package func parse(_ arguments: [String]) throws(ConfigurationError) -> Result {
        var result = Result()
        var unrecognized: [String] = []
        var hints: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" {
                result.wantsHelp = true
                continue
            }
            guard argument.hasPrefix("--"), argument.count > 2 else {
                unrecognized.append(argument)
                continue
            }
            let (name, attached) = split(argument)
            switch table.match(name) {
            case .flag(let flag):
                result.values[flag.name] = try text(of: flag, attached: attached, rest: &rest)
            case .family(let family):
                try skip(family, name: name, attached: attached, rest: &rest, warnings: &result.warnings)
            case .ambiguous(let names):
                let candidates = names.map { "--\($0)" }.joined(separator: ", ")
                throw ConfigurationError("ambiguous option: --\(name) could match \(candidates)")
            case .unknown(let suggestions):
                unrecognized.append(argument)
                hints += suggestions.map { "--\($0)" }
                // What follows belongs to the unknown flag.
                if attached == nil { _ = words(from: &rest) }
            }
        }
        guard unrecognized.isEmpty else {
            let hint = hints.isEmpty ? " (see --help)" : " (did you mean \(hints.joined(separator: ", "))?)"
            throw ConfigurationError("unrecognized arguments: \(unrecognized.joined(separator: " "))\(hint)")
        }
        return result
    }

    /// `--name=value` apart; underscores are as good as dashes.
    private func split(_ argument: String) -> (name: String, attached: String?) {
        let body = argument.dropFirst(2)
        guard let sign = body.firstIndex(of: "=") else { return (String(body).replacing("_", with: "-"), nil) }
        return (String(body[..<sign]).replacing("_", with: "-"), String(body[body.index(after: sign)...]))
    }

    private func text(
        of flag: Flag, attached: String?, rest: inout ArraySlice<String>
    ) throws(ConfigurationError) -> String {
        switch flag.kind {
        case .boolean:
            return attached ?? "true"
        case .list:
            if let attached { return attached }
            let words = words(from: &rest)
            guard !words.isEmpty else {
                throw ConfigurationError("argument --\(flag.name): expected at least one argument")
            }
            return words.joined(separator: " ")
        default:
            if let attached { return attached }
            guard let next = rest.first, isValue(next) else {
                throw ConfigurationError("argument --\(flag.name): expected one argument")
            }
            rest.removeFirst()
            return next
        }
    }

    private func skip(
        _ family: FlagFamily, name: String, attached: String?, rest: inout ArraySlice<String>,
        warnings: inout [String]
    ) throws(ConfigurationError) {
        switch family.support {
        case .noEffect(let why):
            if attached == nil { _ = words(from: &rest) }
            warnings.append("--\(name) has no effect: \(why)")
        case .refused(let why):
            throw ConfigurationError("argument --\(name): not supported: \(why)")
        case .works, .only:
            preconditionFailure("a family is ignored or refused as a whole")
        }
    }

    private func words(from rest: inout ArraySlice<String>) -> [String] {
        let words = rest.prefix(while: isValue)
        rest.removeFirst(words.count)
        return Array(words)
    }

    /// A negative number is a value, anything else with a dash is a flag.
    private func isValue(_ argument: String) -> Bool {
        guard argument.hasPrefix("-"), argument != "-" else { return true }
        return Double(argument) != nil
    }
}
