package import ApusJSON

/// Why a tokenizer or a template cannot be used. Each is one line for whoever chose the model.
package enum TextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A folder with neither tokenizer.json nor tokenizer.model.
    case noTokenizer(directory: String)
    case unreadable(path: String, reason: String)
    case invalidJSON(path: String, JSONError)
    /// A well-formed file whose contents make no tokenizer.
    case malformed(String)
    /// Something that tokenizers may have and this one does not: a stage, an option, a pattern construct.
    case unsupported(String)
    case sentencePiece(path: String, reason: String)

    package var description: String {
        switch self {
        case .noTokenizer(let directory): "no tokenizer.json and no tokenizer.model in \(directory)"
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .invalidJSON(let path, let error): "\(path): \(error)"
        case .malformed(let reason): "malformed tokenizer: \(reason)"
        case .unsupported(let reason): "unsupported tokenizer: \(reason)"
        case .sentencePiece(let path, let reason): "\(path): \(reason)"
        }
    }
}
