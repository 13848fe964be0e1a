package import ApusJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A model folder in the making: under another name until it is complete, and gone if it never is.
package final class NewModelFolder {
    private let final: String
    private let partial: String
    /// `partial` is this object's: made by it, and not yet given away.
    private var isOurs = false

    package init(_ directory: String) throws(CheckpointError) {
        final = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        partial = "\(final).partial"
        guard access(final, F_OK) != 0 else { throw .unwritable(path: final, reason: "it exists already") }
        guard mkdir(partial, 0o755) == 0 else {
            guard errno == EEXIST else { throw Self.failure(partial) }
            throw .unwritable(
                path: partial,
                reason: "it exists: another process is writing it, or one that was killed has left it, to be removed")
        }
        isOurs = true
    }

    deinit {
        guard isOurs else { return }
        for name in FileSystem.names(in: partial) ?? [] { unlink(path(name)) }
        rmdir(partial)
    }

    package func path(_ name: String) -> String { "\(partial)/\(name)" }

    /// How the names of files end that hold weights of other programs.
    private static let weightFiles = [".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".ckpt", ".npz"]

    /// Everything in `directory` but weights, configuration and folders.
    package func copyOthers(from directory: String) throws(CheckpointError) {
        for name in FileSystem.names(in: directory) ?? []
        where name != "config.json" && !name.contains(".safetensors")
            && !Self.weightFiles.contains(where: name.hasSuffix)
        {
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            let file = try MappedFile(path: "\(directory)/\(name)")
            try write(file.bytes, to: name)
        }
    }

    package func writeConfiguration(from directory: String, adding quantization: JSONValue) throws(CheckpointError) {
        var members = try ModelIdentity(directory: directory).members
        members["quantization_config"] = quantization
        try write(JSONValue.object(members), to: "config.json")
    }

    package func writeIndex(_ shards: [(tensor: String, file: String)]) throws(CheckpointError) {
        var map: JSONObject = [:]
        for (tensor, file) in shards.sorted(by: { $0.tensor < $1.tensor }) { map[tensor] = .string(file) }
        try write(["metadata": [:], "weight_map": .object(map)], to: "model.safetensors.index.json")
    }

    package func finish() throws(CheckpointError) {
        guard rename(partial, final) == 0 else { throw Self.failure(final) }
        isOurs = false
    }

    private func write(_ json: JSONValue, to name: String) throws(CheckpointError) {
        let bytes = json.serialized
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(CheckpointError) in try write(bytes, to: name) }
        }
        try result.get()
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to name: String) throws(CheckpointError) {
        guard let file = fopen(path(name), "wbxe") else { throw Self.failure(path(name)) }
        let written = fwrite(bytes.baseAddress, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else { throw Self.failure(path(name)) }
    }

    private static func failure(_ path: String) -> CheckpointError {
        .unwritable(path: path, reason: FileSystem.lastError())
    }
}
