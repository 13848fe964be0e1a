/// Why a template cannot be read or rendered.
package enum TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Not a template of this language; `line` counts from 1.
    case syntax(String, line: Int)
    /// A value that is not there was used as if it were.
    case undefined(String)
    /// An operation on values that it is not defined for.
    case type(String)
    /// `raise_exception(...)`: the template's own refusal.
    case raised(String)
    /// A bound on output, nesting or loops was passed.
    case limit(String)

    package var description: String {
        switch self {
        case .syntax(let text, let line): "line \(line): \(text)"
        case .undefined(let text), .type(let text), .raised(let text), .limit(let text): text
        }
    }
}
