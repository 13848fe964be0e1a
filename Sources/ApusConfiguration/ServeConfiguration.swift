package import ApusJSON

/// Every setting of a server, checked and frozen. The supervisor resolves it once; children get exactly this value.
package struct ServeConfiguration: Sendable {
    let table: FlagTable
    /// By flag name; a flag that is absent has its default.
    var values: [String: FlagValue]
    package let environment: EnvironmentSettings

    init(table: FlagTable, values: [String: FlagValue], environment: EnvironmentSettings) {
        self.table = table
        self.values = values
        self.environment = environment
    }

    /// The value of `--name`; the name is one of the table's.
    package subscript(name: String) -> FlagValue {
        guard let flag = table.flag(named: name) else { preconditionFailure("there is no flag --\(name)") }
        return values[flag.name] ?? flag.defaultValue
    }

    mutating func set(_ name: String, _ value: FlagValue) {
        precondition(table.flag(named: name) != nil, "there is no flag --\(name)")
        values[name] = value
    }

    /// The fields of `/get_server_info`: each flag in snake case with its value; secrets are shown as `***`.
    package var fields: JSONObject {
        JSONObject(
            table.flags.lazy.filter { $0.name != "config" }.map { flag in
                let value = self[flag.name]
                return (flag.fieldName, flag.isSecret && value != .null ? .string("***") : value.json)
            })
    }
}

// The frozen value on its way to a child.
extension ServeConfiguration {
    package var json: JSONValue {
        let members = values.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }
        return ["values": .object(JSONObject(members)), "environment": environment.json]
    }

    /// Reads what `json` wrote; throws when it was not written by this version.
    package init(json: JSONValue, table: FlagTable = .standard) throws(ConfigurationError) {
        guard let members = json["values"]?.objectValue, let environment = json["environment"] else {
            throw ConfigurationError("the resolved configuration is incomplete")
        }
        var values: [String: FlagValue] = [:]
        for member in members {
            guard let flag = table.flag(named: member.key), let value = FlagValue(json: member.value, kind: flag.kind)
            else { throw ConfigurationError("the resolved configuration has a bad value for \(member.key)") }
            values[flag.name] = value
        }
        self.init(table: table, values: values, environment: try EnvironmentSettings(json: environment))
    }
}

extension FlagValue {
    /// Reads `json` back; nil when it is not of the kind.
    init?(json: JSONValue, kind: FlagKind) {
        if json.isNull {
            self = .null
            return
        }
        switch kind {
        case .boolean:
            guard let value = json.boolValue else { return nil }
            self = .boolean(value)
        case .integer, .tokenCount:
            guard let value = json.intValue else { return nil }
            self = .integer(value)
        case .number:
            guard let value = json.doubleValue else { return nil }
            self = .number(value)
        case .text, .choice, .jsonObject:
            guard let value = json.stringValue else { return nil }
            self = .text(value)
        case .list:
            guard let values = json.arrayValue?.map(\.stringValue), !values.contains(nil) else { return nil }
            self = .list(values.compactMap(\.self))
        }
    }
}
