import ApusCore
import ApusJSON
import ApusTestSupport
import Foundation
import Testing

@testable import ApusGrammar

/// Goldens of Tests/Fixtures/grammar/make_grammar_goldens.py.
enum GrammarFixtures {
    static func json(_ name: String) throws -> JSONValue {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/grammar/\(name)").standardized
        return try JSONValue(parsing: Array(Data(contentsOf: file)), options: .files)
    }
}

/// Whether a grammar of this source accepts the text.
func accepts(
    _ kind: GrammarKind, _ source: String, _ text: String, whitespace: JSONWhitespace = .none
) throws -> Bool {
    ReferenceMatcher.accepts(text, try GrammarSource(kind, source, whitespace: whitespace).grammar())
}

/// The reason for which a source is refused; nil: it is not.
func refusal(_ kind: GrammarKind, _ source: String) -> String? {
    do throws(GrammarError) {
        _ = try GrammarSource(kind, source).grammar()
        return nil
    } catch {
        guard case .invalid(let reason) = error else { return "\(error)" }
        return reason
    }
}
