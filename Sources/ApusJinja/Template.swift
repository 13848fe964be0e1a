/// A parsed template, rendered as Jinja2 does in the set-up that Hugging Face transformers gives it for chat templates:
/// `trim_blocks`, `lstrip_blocks`, no escaping, the loop controls, `tojson` as plain `json.dumps`, `raise_exception`,
/// `strftime_now` and the `generation` block.
package struct Template: Sendable {
    let statements: [Statement]

    /// Throws `TemplateError.syntax` when `source` is not a template, or uses a filter or test that is not known.
    package init(_ source: String) throws {
        statements = try Parser.statements(of: source)
    }

    /// Renders with the variables given.
    ///
    /// - Parameter now: the clock behind `strftime_now`, in seconds since 1970.
    /// - Throws: `TemplateError`.
    package func render(_ variables: [String: Value], now: Double) throws -> String {
        var values = Globals.table(now: now)
        values.merge(variables) { $1 }
        let interpreter = Interpreter()
        return try interpreter.render(statements, in: Scope(values: values))
    }
}
