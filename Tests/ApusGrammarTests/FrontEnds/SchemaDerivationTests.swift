import ApusCore
import ApusJSON
import ApusTestSupport
import Foundation
import Testing

@testable import ApusGrammar

/// Whatever a grammar of a schema produces obeys the schema. With `APUS_DERIVATIONS` the texts are written to that file,
/// for Tests/Fixtures/grammar/check_derivations.py.
@Suite struct SchemaDerivationTests {
    @Test func derivedTextsObey() throws {
        let rows = try #require(try GrammarFixtures.json("schemas.json").arrayValue)
        let formats = ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "uri", "duration", "hostname"]
        let schemas =
            rows.compactMap { $0[0] } + formats.map { ["type": "string", "format": .string($0)] } + Self.numbers
        var random = SeededRandom(seed: 11)
        var lines: [String] = []
        for schema in schemas {
            guard let grammar = try? GrammarSource(.json, schema.description, whitespace: .upTo(2)).grammar() else {
                continue
            }
            let derivation = Derivation(grammar)
            for _ in 0..<6 {
                let text = derivation.text(effort: 150, using: &random)
                let value = try JSONValue(parsing: text, options: .files)
                let document = try SchemaDocument(root: schema, CompilationLimit())
                var reader = SchemaReader(document: document, limit: CompilationLimit())
                #expect(try reader.accepts(value, [document.root]), "\(schema): \(text)")
                lines.append(JSONValue.array([schema, .string(text)]).description)
            }
        }
        #expect(lines.count > 800)
        if let path = ProcessInfo.processInfo.environment["APUS_DERIVATIONS"] {
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        }
    }

    /// Bounds of numbers of every kind.
    private static let numbers: [JSONValue] = {
        var random = SeededRandom(seed: 3)
        return (0..<60).map { index in
            let low = Double(Int.random(in: -20_000...20_000, using: &random)) / [1, 10, 100, 1_000][index % 4]
            let high = low + Double(Int.random(in: 0...3_000, using: &random)) / [1, 100, 1_000][index % 3]
            var schema: JSONObject = ["type": index % 2 == 0 ? "number" : "integer"]
            if index % 5 != 0 { schema[index % 3 == 0 ? "exclusiveMinimum" : "minimum"] = JSONValue(low) }
            if index % 7 != 0 { schema[index % 4 == 0 ? "exclusiveMaximum" : "maximum"] = JSONValue(high + 1) }
            return .object(schema)
        }
    }()
}
