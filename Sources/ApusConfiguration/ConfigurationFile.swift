import Yams

/// A YAML file of flags: `port: 30001`, `enable-metrics: true`; keys are flag names, with dashes or underscores.
enum ConfigurationFile {
    /// Texts by flag name. `path` is for messages.
    static func parse(_ yaml: String, path: String, table: FlagTable) throws(ConfigurationError) -> [String: String] {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            let line = String(describing: error).split(separator: "\n").first.map(String.init) ?? "unreadable"
            throw ConfigurationError("\(path): not YAML: \(line)")
        }
        guard let node, !(node.scalar?.string.isEmpty ?? false) else { return [:] }
        guard let mapping = node.mapping else {
            throw ConfigurationError("\(path): a mapping of flag names to values is expected")
        }

        var values: [String: String] = [:]
        for (keyNode, valueNode) in mapping {
            let key = keyNode.scalar?.string ?? ""
            let place = "\(path):\(keyNode.mark?.line ?? 0)"
            let name = key.replacing("_", with: "-")
            guard name != "config" else { throw ConfigurationError("\(place): a file cannot name another") }
            guard let flag = table.flag(named: name) else {
                let near = NearNames.suggestions(for: name, among: table.flags.map(\.name))
                let hint = near.isEmpty ? "" : " (did you mean \(near.joined(separator: ", "))?)"
                throw ConfigurationError("\(place): unknown key '\(key)'\(hint)")
            }
            guard values[flag.name] == nil else { throw ConfigurationError("\(place): '\(key)' is given twice") }
            values[flag.name] = try text(of: valueNode, key: key, place: place)
        }
        return values
    }

    /// nil for YAML's null, which stands for "not given".
    private static func text(of node: Node, key: String, place: String) throws(ConfigurationError) -> String? {
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain
            return isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string) ? nil : scalar.string
        case .sequence(let sequence):
            var words: [String] = []
            for item in sequence {
                guard let word = item.scalar?.string else {
                    throw ConfigurationError("\(place): '\(key)' is a list of something else than words")
                }
                words.append(word)
            }
            return words.joined(separator: " ")
        default:
            throw ConfigurationError("\(place): '\(key)' needs a plain value (JSON objects go in quotes)")
        }
    }
}
