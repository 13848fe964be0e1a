/// Why a grammar's source came to nothing.
package enum GrammarError: Error, Equatable {
    /// It is no grammar, or asks for what this engine does not do; the words are for the client.
    case invalid(String)
    /// It took longer than it may, and may be right all the same.
    case timedOut
    /// Nobody waits for it any more.
    case cancelled
}
