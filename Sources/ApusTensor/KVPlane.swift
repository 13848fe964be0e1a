package import ApusCore

/// The keys (or the values) of one layer for every slot of a KV pool: [slots, kvHeads, headDimension].
///
/// A view: the pool owns the memory. `float32` or `bfloat16`.
package struct KVPlane {
    package let base: UnsafeMutableRawPointer
    package let element: ElementType
    package let slots: Int
    package let kvHeads: Int
    package let headDimension: Int
    /// Numbers from one slot to the next.
    package let stride: Int

    package init(
        base: UnsafeMutableRawPointer, element: ElementType, slots: Int, kvHeads: Int, headDimension: Int,
        stride: Int? = nil
    ) {
        precondition(element != .float16, "KV planes are float32 or bfloat16")
        precondition(headDimension % 8 == 0 && headDimension > 0 && headDimension <= 256)
        self.base = base
        self.element = element
        self.slots = slots
        self.kvHeads = kvHeads
        self.headDimension = headDimension
        self.stride = stride ?? kvHeads * headDimension
    }

    /// Keys or values of an encoder, straight from its activations: row p is position p.
    package init(_ rows: Matrix, kvHeads: Int) {
        self.init(
            base: UnsafeMutableRawPointer(rows.base), element: .float32, slots: rows.rows, kvHeads: kvHeads,
            headDimension: rows.columns / kvHeads, stride: rows.stride)
    }

    /// Bytes of a plane whose slots follow one another.
    package static func byteCount(slots: Int, kvHeads: Int, headDimension: Int, element: ElementType) -> Int {
        slots * kvHeads * headDimension * element.byteCount
    }
}
