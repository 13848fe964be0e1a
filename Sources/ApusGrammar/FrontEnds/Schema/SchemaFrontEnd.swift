import ApusCore
import ApusJSON

/// JSON Schema, draft 2020-12, with the spellings of earlier drafts where they mean the same.
///
/// A grammar may accept less than its schema, never more. Where a schema leaves open how an object's members are
/// ordered, they come in the order of `properties`; what is neither in `properties` nor asked for by
/// `additionalProperties` is left out.
enum SchemaFrontEnd {
    /// Stands for any JSON value.
    static let anything = "$$ANY$$"

    static func grammar(
        _ text: String, whitespace: JSONWhitespace, _ limit: CompilationLimit
    ) throws(GrammarError) -> Grammar {
        var writer = try JSONGrammarWriter(whitespace: whitespace, limit)
        let root = try expression(text == anything ? .bool(true) : parse(text), &writer)
        return try writer.finish(root)
    }

    static func parse(_ text: String) throws(GrammarError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: text, options: .files)
        } catch {
            throw .invalid("the schema is not JSON: \(error)")
        }
    }

    /// What values of the schema look like.
    static func expression(
        _ schema: JSONValue, _ writer: inout JSONGrammarWriter
    ) throws(GrammarError) -> GrammarExpression {
        var emitter = try SchemaEmitter(document: SchemaDocument(root: schema, writer.limit), writer: writer)
        let expression = try emitter.root()
        writer = emitter.writer
        return expression
    }
}
