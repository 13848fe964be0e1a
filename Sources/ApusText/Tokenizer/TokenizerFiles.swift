import ApusCheckpoint
import ApusJSON

/// The files of a folder that say how its texts become tokens, to be held against another folder's.
///
/// What a folder leaves out says nothing, and neither does another way of writing the same: whoever saves a checkpoint
/// anew writes merges, defaults and the order of members as their library does now.
package struct TokenizerFiles: Sendable {
    /// Digests of the files that are there, by name: equal ones are equal files.
    package let content: [String: UInt64]
    private let folder: ModelFiles

    private static let configurations = ["tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"]
    private static let names = ["tokenizer.json", "tokenizer.model"] + configurations

    /// As they are now. One that cannot be read counts as not there.
    package init(directory: String) {
        folder = ModelFiles(directory: directory)
        content = Self.digests(of: folder, Self.names)
    }

    private static func digests(of folder: ModelFiles, _ names: [String]) -> [String: UInt64] {
        var digests: [String: UInt64] = [:]
        for name in names {
            guard let bytes = try? folder.bytes(name) else { continue }
            digests[name] = bytes.withUnsafeBufferPointer(ByteHash.hash)
        }
        return digests
    }

    /// What both folders say, and say differently: `vocab`, `chat_template`; where the other's files are not what they
    /// were any more, the names of files. Takes about as long as reading both tokenizers.
    package func differences(from other: TokenizerFiles) -> [String] {
        let changed = Self.names.filter {
            content[$0] != nil && other.content[$0] != nil && content[$0] != other.content[$0]
        }
        var differences: [String] = []
        if changed.contains("tokenizer.json") {
            differences += compared(with: other, ["tokenizer.json"]) {
                Self.differences(try $0.json("tokenizer.json"), try $1.json("tokenizer.json"))
            }
        } else if changed.contains("tokenizer.model"), content["tokenizer.json"] == nil {
            differences.append("tokenizer.model")
        }
        let settings = Self.configurations.filter { content[$0] != other.content[$0] }
        if !settings.isEmpty {
            differences += compared(with: other, Self.configurations) {
                try TokenizerConfiguration(directory: $0).differences(from: TokenizerConfiguration(directory: $1))
            }
        }
        return differences
    }

    /// What `compare` finds in files whose contents are known to be those that were there; else their names.
    private func compared(
        with other: TokenizerFiles, _ names: [String], _ compare: (ModelFiles, ModelFiles) throws -> [String]
    ) -> [String] {
        let isThere = names.allSatisfy { Self.digests(of: other.folder, [$0])[$0] == other.content[$0] }
        guard isThere, let differences = try? compare(folder, other.folder) else {
            return names.filter { content[$0] != nil && content[$0] != other.content[$0] }
        }
        return differences
    }

    // MARK: - tokenizer.json

    private static let stages = ["normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens"]

    private static func differences(_ one: JSONValue?, _ other: JSONValue?) -> [String] {
        let (model, otherModel) = (one?["model"]?.objectValue ?? [:], other?["model"]?.objectValue ?? [:])
        var names: [String] = []
        for key in model.map(\.key) + otherModel.map(\.key) where !names.contains(key) { names.append(key) }
        let ofModel = names.filter { !isSame(model[$0], otherModel[$0]) }
        return ofModel + stages.filter { !isSame(one?[$0], other?[$0]) }
    }

    /// What is left out, null and false are the same, and so are `"a b"` and `["a", "b"]` among merges.
    private static func isSame(_ one: JSONValue?, _ other: JSONValue?) -> Bool {
        let (one, other) = (one ?? .null, other ?? .null)
        if one == other { return true }
        if let one = one.arrayValue, let other = other.arrayValue {
            return one.count == other.count && zip(one, other).allSatisfy { isSameItem($0, $1) }
        }
        return (one.isNull || one == false) && (other.isNull || other == false)
    }

    private static func isSameItem(_ one: JSONValue, _ other: JSONValue) -> Bool {
        one == other || merge(one) != nil && merge(one) == merge(other)
    }

    private static func merge(_ json: JSONValue) -> String? {
        if let text = json.stringValue { return text }
        guard json.arrayValue?.count == 2, let left = json[0]?.stringValue, let right = json[1]?.stringValue else {
            return nil
        }
        return "\(left) \(right)"
    }
}

extension TokenizerConfiguration {
    /// What both say, and say differently.
    fileprivate func differences(from other: TokenizerConfiguration) -> [String] {
        var differences: [String] = []
        if !chatTemplates.isEmpty, !other.chatTemplates.isEmpty, chatTemplates != other.chatTemplates {
            differences.append("chat_template")
        }
        for name in Self.tokenNames {
            guard let token = namedTokens[name], let theirs = other.namedTokens[name] else { continue }
            if token != theirs { differences.append(name) }
        }
        for (name, flag, theirs) in [
            ("add_bos_token", addsBeginning, other.addsBeginning), ("add_eos_token", addsEnd, other.addsEnd),
        ] where flag != nil && theirs != nil && flag != theirs {
            differences.append(name)
        }
        return differences
    }
}
