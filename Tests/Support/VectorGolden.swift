import ApusCheckpoint

/// The vector that transformers in float32 makes of a text (`Tests/Fixtures/models/make_embedding_goldens.py`).
package struct VectorGolden: Sendable {
    package let tokens: [Int32]
    /// Segments.
    package let types: [Int32]
    package let vector: [Float]

    package static func all(_ model: String) throws -> [VectorGolden] {
        let file = try MappedFile(path: ModelFixtures.golden(model))
        let entries = try Safetensors(file).entries
        func numbers<Number>(_ name: String, _ type: Number.Type) -> [Number] {
            guard let entry = entries.first(where: { $0.name == name }) else { return [] }
            return (0..<entry.shape[0]).map {
                file.bytes.loadUnaligned(fromByteOffset: entry.range.lowerBound + $0 * 4, as: type)
            }
        }
        return (0..<entries.count / 3).map { index in
            VectorGolden(
                tokens: numbers("tokens.\(index)", Int32.self), types: numbers("types.\(index)", Int32.self),
                vector: numbers("vector.\(index)", Float.self))
        }
    }
}
