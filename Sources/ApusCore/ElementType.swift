/// The number formats that weights, activations and the KV pool are kept in.
package enum ElementType: String, Sendable, Hashable, CaseIterable {
    case float32
    case float16
    case bfloat16

    /// Bytes of one element.
    package var byteCount: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        }
    }
}
