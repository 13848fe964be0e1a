/// A command line for people to see.
package enum LaunchCommand {
    /// `arguments` with the values of secret flags replaced by `***`.
    package static func redacted(_ arguments: [String], table: FlagTable = .standard) -> [String] {
        var result: [String] = []
        var isSecret = false
        for argument in arguments {
            if isSecret {
                result.append("***")
                isSecret = false
                continue
            }
            guard argument.hasPrefix("--") else {
                result.append(argument)
                continue
            }
            let name = argument.dropFirst(2).prefix { $0 != "=" }
            if case .flag(let flag) = table.match(String(name).replacing("_", with: "-")), flag.isSecret {
                let isWhole = name.count + 2 == argument.count
                isSecret = isWhole
                result.append(isWhole ? argument : "--\(name)=***")
            } else {
                result.append(argument)
            }
        }
        return result
    }
}
