package import ApusCore

/// What a KV pool keeps keys and values as.
package enum KVFormat: Sendable, Hashable {
    /// In the number format of the arithmetic, `float32` or `bfloat16`.
    case plain(ElementType)
    /// As int8 with a float32 scale for each head of each token, a byte a number; arithmetic as named.
    case int8(arithmetic: ElementType)

    /// What attention multiplies in.
    package var arithmetic: ElementType {
        switch self {
        case .plain(let element), .int8(let element): element
        }
    }

    package var isInt8: Bool { if case .int8 = self { true } else { false } }

    /// Bytes of one number of a row.
    var elementByteCount: Int { isInt8 ? 1 : arithmetic.byteCount }

    /// Bytes of one head's key or value of one token.
    package func byteCount(headDimension: Int) -> Int {
        headDimension * elementByteCount + (isInt8 ? MemoryLayout<Float>.stride : 0)
    }
}
