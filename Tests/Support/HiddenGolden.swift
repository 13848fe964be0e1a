import ApusCheckpoint

/// Hidden states of one prompt by transformers in float32, made by `make_hidden_goldens.py`.
package struct HiddenGolden: Sendable {
    package let prompt: [Int32]
    /// [tokens][hidden size], after the last norm.
    package let states: [[Float]]

    package init(_ model: String) throws {
        let file = try MappedFile(path: ModelFixtures.hidden(model))
        let entries = try Safetensors(file).entries
        func numbers<Number>(_ name: String, _ type: Number.Type) -> [Number] {
            guard let entry = entries.first(where: { $0.name == name }) else { return [] }
            return (0..<entry.shape.reduce(1, *)).map {
                file.bytes.loadUnaligned(fromByteOffset: entry.range.lowerBound + $0 * 4, as: type)
            }
        }
        prompt = numbers("prompt", Int32.self)
        let flat = numbers("hidden", Float.self)
        let width = flat.count / max(1, prompt.count)
        states = prompt.indices.map { Array(flat[($0 * width)..<(($0 + 1) * width)]) }
    }
}
