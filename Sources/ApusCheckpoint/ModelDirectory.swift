/// Where the files of a model are: a folder, or a hub name in the local Hugging Face cache.
package enum ModelDirectory {
    /// The folder of `name`.
    ///
    /// - Parameters:
    ///   - name: A path, or `organisation/model` as on the hub (case matters only if two cached names differ by it).
    ///   - revision: Branch, tag or commit of a hub name; nil: `main`.
    ///   - downloadDirectory: The cache folder; nil: as `HF_HUB_CACHE`, `HF_HOME` and `XDG_CACHE_HOME` say.
    package static func resolve(
        _ name: String, revision: String? = nil, downloadDirectory: String? = nil, environment: [String: String]
    ) throws(CheckpointError) -> String {
        if FileSystem.isDirectory(name) { return name }
        if FileSystem.isForbidden(name) {
            throw CheckpointError.unreadable(
                path: name, reason: "Permission denied; setfacl -R -m u:USER:rX lets a user read a folder")
        }
        if FileSystem.isFile(name) {
            throw CheckpointError.modelNotFound(
                name: name,
                reason: name.hasSuffix(".gguf")
                    ? "GGUF is not read; name the folder of the model's safetensors, which --quantization int4 "
                        + "quantises alike" : "it is a file, a model is a folder")
        }
        guard isHubName(name) else {
            throw CheckpointError.modelNotFound(name: name, reason: "there is no such folder")
        }
        guard let cache = downloadDirectory ?? hubCache(environment) else {
            throw CheckpointError.modelNotFound(name: name, reason: "no such folder, and HF_HOME and HOME are unset")
        }
        guard let repository = repository(name, in: cache) else {
            throw CheckpointError.modelNotFound(
                name: name, reason: "neither a folder nor in the Hugging Face cache \(cache)")
        }
        let revision = revision ?? "main"
        guard isRevision(revision), let commit = commit(revision, in: repository) else {
            throw CheckpointError.modelNotFound(name: name, reason: "no revision '\(revision)' in \(repository)")
        }
        let snapshot = "\(repository)/snapshots/\(commit)"
        guard FileSystem.isDirectory(snapshot) else {
            throw CheckpointError.modelNotFound(name: name, reason: "\(snapshot) is missing")
        }
        return snapshot
    }

    /// The hub's cache folder (huggingface_hub, "Environment variables").
    private static func hubCache(_ environment: [String: String]) -> String? {
        func value(_ key: String) -> String? {
            guard let text = environment[key], !text.isEmpty else { return nil }
            guard text == "~" || text.hasPrefix("~/"), let home = environment["HOME"] else { return text }
            return home + text.dropFirst()
        }
        if let cache = value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") { return cache }
        if let home = value("HF_HOME") { return "\(home)/hub" }
        if let cache = value("XDG_CACHE_HOME") { return "\(cache)/huggingface/hub" }
        return value("HOME").map { "\($0)/.cache/huggingface/hub" }
    }

    private static func repository(_ name: String, in cache: String) -> String? {
        let folder = "models--" + name.split(separator: "/").joined(separator: "--")
        if FileSystem.isDirectory("\(cache)/\(folder)") { return "\(cache)/\(folder)" }
        let same = FileSystem.names(in: cache)?.filter { $0.lowercased() == folder.lowercased() } ?? []
        return same.count == 1 ? "\(cache)/\(same[0])" : nil
    }

    private static func commit(_ revision: String, in repository: String) -> String? {
        if let file = try? MappedFile(path: "\(repository)/refs/\(revision)") {
            let text = String(decoding: file.bytes.prefix(100), as: UTF8.self)
            return text.split(whereSeparator: \.isWhitespace).first.map(String.init).flatMap {
                isCommit($0) ? $0 : nil
            }
        }
        return isCommit(revision) ? revision : nil
    }

    private static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40 && text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }

    /// `model` or `organisation/model`, of letters, digits, `-`, `_` and `.`.
    private static func isHubName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && parts.allSatisfy(isWord)
    }

    /// As a hub name, with any number of parts.
    private static func isRevision(_ name: String) -> Bool {
        name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isWord)
    }

    private static func isWord(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return false }
        return part.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }
}
