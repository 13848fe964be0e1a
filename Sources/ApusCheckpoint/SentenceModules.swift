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
    /// Projections of the pooled vector, in order.
    package let dense: [SentenceDense]
    /// The vector is divided by its length in the end.
    package let normalizes: Bool

    /// nil when the folder has no modules.json.
    ///
    /// - Throws: `CheckpointError.configuration` also for modules that are not supported: to leave one out would give
    ///   vectors that look right and are wrong.
    package init?(directory: String) throws(CheckpointError) {
        let path = "\(directory)/modules.json"
        guard FileSystem.isFile(path) else { return nil }
        var pooling: Pooling?
        var dense: [SentenceDense] = []
        var normalizes = false
        for module in try Self.list(path) {
            let type = module["type"]?.stringValue ?? ""
            // A length that is changed again afterwards is none; sentence-transformers leaves nothing out.
            guard !normalizes else {
                throw CheckpointError.configuration(
                    path: path, reason: "module '\(type)' after Normalize is not supported")
            }
            switch type.split(separator: ".").last {
            case "Transformer", "Dropout": break
            case "Normalize": normalizes = true
            case "Pooling":
                guard dense.isEmpty else {
                    throw CheckpointError.configuration(path: path, reason: "Pooling after Dense is not supported")
                }
                pooling = try Self.pooling(
                    path: "\(directory)/\(try Self.folder(module, "1_Pooling", path))/config.json",
                    hasPrompt: try SentenceTexts(directory: directory)?.prefix.isEmpty == false)
            case "Dense":
                dense.append(
                    try SentenceDense(directory: directory, folder: try Self.folder(module, "2_Dense", path)))
            default:
                throw CheckpointError.configuration(path: path, reason: "module '\(type)' is not supported")
            }
        }
        self.pooling = pooling
        self.dense = dense
        self.normalizes = normalizes
    }

    /// Where a module's own files are, below the model's folder.
    private static func folder(
        _ module: JSONValue, _ usual: String, _ path: String
    ) throws(CheckpointError) -> String {
        let folder = module["path"]?.stringValue ?? usual
        guard !folder.split(separator: "/").contains("..") else {
            throw CheckpointError.configuration(path: path, reason: "module path '\(folder)' leaves the folder")
        }
        return folder
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

    private static func pooling(path: String, hasPrompt: Bool) throws(CheckpointError) -> Pooling {
        let file = try JSONFile(path: path)
        if hasPrompt, try file.boolean("include_prompt") == false {
            throw file.failure("pooling that leaves out the default prompt is not supported")
        }
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
