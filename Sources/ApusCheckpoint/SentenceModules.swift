import ApusJSON

/// How a text's token vectors become one vector.
package enum Pooling: Sendable, Hashable {
    case firstToken
    case lastToken
    case mean
    case maximum
}

/// What the sentence-transformers files of a folder say happens after the transformer.
package struct SentenceModules: Sendable, Hashable {
    /// nil: the files name none.
    package let pooling: Pooling?
    /// The vector is divided by its length.
    package let normalizes: Bool

    /// nil when the folder has no modules.json.
    ///
    /// - Throws: `CheckpointError.configuration` also for modules that are not supported: to leave one out would give
    ///   vectors that look right and are wrong.
    package init?(directory: String) throws(CheckpointError) {
        let path = "\(directory)/modules.json"
        guard FileSystem.isFile(path) else { return nil }
        var pooling: Pooling?
        var normalizes = false
        for module in try Self.list(path) {
            let type = module["type"]?.stringValue ?? ""
            switch type.split(separator: ".").last {
            case "Transformer", "Dropout": break
            case "Normalize": normalizes = true
            case "Pooling":
                let folder = module["path"]?.stringValue ?? "1_Pooling"
                guard !folder.split(separator: "/").contains("..") else {
                    throw CheckpointError.configuration(path: path, reason: "module path '\(folder)' leaves the folder")
                }
                pooling = try Self.pooling(path: "\(directory)/\(folder)/config.json")
            default:
                throw CheckpointError.configuration(path: path, reason: "module '\(type)' is not supported")
            }
        }
        self.pooling = pooling
        self.normalizes = normalizes
    }

    private static func list(_ path: String) throws(CheckpointError) -> [JSONValue] {
        let file = try MappedFile(path: path)
        do {
            guard let modules = try JSONValue(parsing: file.contents(), options: .files).arrayValue else {
                throw CheckpointError.malformed(path: path, reason: "not a JSON array")
            }
            return modules
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw CheckpointError.malformed(path: path, reason: "\(error)")
        }
    }

    private static let modes: [String: Pooling] = [
        "pooling_mode_cls_token": .firstToken, "pooling_mode_lasttoken": .lastToken,
        "pooling_mode_mean_tokens": .mean, "pooling_mode_max_tokens": .maximum,
    ]

    private static func pooling(path: String) throws(CheckpointError) -> Pooling {
        let file = try JSONFile(path: path)
        let wanted = file.members.filter { $0.key.hasPrefix("pooling_mode_") && $0.value == .bool(true) }.map(\.key)
        // Newer files say it in one word.
        if wanted.isEmpty, let word = try file.string("pooling_mode") {
            switch word {
            case "cls": return .firstToken
            case "lasttoken": return .lastToken
            case "mean": return .mean
            case "max": return .maximum
            default: throw file.failure("pooling_mode '\(word)' is not supported")
            }
        }
        guard wanted.count == 1, let pooling = modes[wanted[0]] else {
            throw file.failure("pooling \(wanted.joined(separator: " + ")) is not supported")
        }
        return pooling
    }
}
