/// The processes of a server.
package enum Role: String, Sendable, Hashable, CaseIterable {
    case front
    case scheduler
    case detokenizer
}
