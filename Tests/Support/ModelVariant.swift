#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A copy of a model's folder that a test may change.
package struct ModelVariant: Sendable {
    private let directory = TemporaryDirectory()

    package var path: String { directory.path }

    /// `seed` 0: the model as it is; else with the signs of some weights turned, as that seed chooses them.
    package init(of model: String, seed: UInt64) {
        guard let folder = opendir(model) else { preconditionFailure("\(model) cannot be read") }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard !name.hasPrefix(".") else { continue }
            directory.write(Self.bytes(of: "\(model)/\(name)"), to: name)
        }
        if seed != 0 { change { Self.turnSigns(&$0, seed: seed) } }
    }

    /// Writes the weights' file anew, over the old one.
    package func change(_ change: (inout [UInt8]) -> Void) {
        var bytes = Self.bytes(of: "\(path)/model.safetensors")
        change(&bytes)
        directory.write(bytes, to: "model.safetensors")
    }

    package func remove(_ name: String) { unlink("\(path)/\(name)") }

    package func write(_ text: String, to name: String) { directory.write(Array(text.utf8), to: name) }

    package static func bytes(of path: String) -> [UInt8] {
        guard let file = fopen(path, "rb") else { preconditionFailure("\(path) cannot be read") }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: ftell(file))
        rewind(file)
        precondition(fread(&bytes, 1, bytes.count, file) == bytes.count)
        return bytes
    }

    private static func turnSigns(_ bytes: inout [UInt8], seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let header = 8 + (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        // The upper byte of a bfloat16; of a float32 also its middle.
        for index in stride(from: header + 1, to: bytes.count, by: 2) where Int.random(in: 0..<4, using: &random) == 0 {
            bytes[index] ^= 0x80
        }
    }
}
