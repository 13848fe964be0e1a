/// Why a request ended.
package enum FinishReason: Sendable, Hashable {
    /// An end-of-sequence or stop token was generated.
    case stopToken(Int32)
    /// A stop string appeared in the text.
    case stopString(String)
    /// A stop pattern matched the text; carries the pattern.
    case stopRegex(String)
    /// The logits held NaN or the token was outside the vocabulary.
    case notANumber
    /// `max_new_tokens` were generated; carries the effective limit.
    case length(Int)
    /// The grammar allows nothing more behind this token, which is part of the text.
    case grammarEnd(Int32)
    /// Ended early by a client, an operator or an error; a status of 400 or more is an error for the client.
    case abort(message: String, status: Int?, kind: String?)

    /// The client asked for the end, or left.
    package static let aborted = FinishReason.abort(message: "Aborted", status: nil, kind: nil)

    /// Refused by the scheduler with an HTTP status.
    package static func refused(_ message: String, status: Int) -> FinishReason {
        .abort(message: message, status: status, kind: status == 400 ? "BadRequestError" : nil)
    }
}
