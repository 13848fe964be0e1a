import ApusCore

/// The keys (or the values) of one layer for every slot of a KV pool: [kvHeads, slots, headDimension].
///
/// Heads are outermost because one task reads one head: neighbouring slots of a head then follow one another in
/// memory, which reads three times as fast as every eighth 256 bytes do. The scales of an int8 plane, [kvHeads, slots],
/// follow its numbers. A view: the pool owns the memory.
package struct KVPlane {
    package let base: UnsafeMutableRawPointer
    package let format: KVFormat
    package let slots: Int
    package let kvHeads: Int
    package let headDimension: Int
    /// Numbers from one slot to the next, and from one head to the next.
    let slotStride: Int
    let headStride: Int

    /// A plane of a pool, `byteCount(…)` bytes from `base` on.
    package init(base: UnsafeMutableRawPointer, format: KVFormat, slots: Int, kvHeads: Int, headDimension: Int) {
        self.init(
            base: base, format: format, slots: slots, kvHeads: kvHeads, headDimension: headDimension,
            slotStride: headDimension, headStride: slots * headDimension)
    }

    /// Keys or values of an encoder, straight from its activations [rows, kvHeads * headDimension]: row p is position p.
    package init(_ rows: Matrix, kvHeads: Int) {
        precondition(rows.columns % kvHeads == 0)
        self.init(
            base: UnsafeMutableRawPointer(rows.base), format: .plain(.float32), slots: rows.rows, kvHeads: kvHeads,
            headDimension: rows.columns / kvHeads, slotStride: rows.stride, headStride: rows.columns / kvHeads)
    }

    private init(
        base: UnsafeMutableRawPointer, format: KVFormat, slots: Int, kvHeads: Int, headDimension: Int,
        slotStride: Int, headStride: Int
    ) {
        precondition(format.arithmetic != .float16, "attention multiplies in float32 or bfloat16")
        precondition(headDimension % 8 == 0 && headDimension > 0 && headDimension <= 256)
        self.base = base
        self.format = format
        self.slots = slots
        self.kvHeads = kvHeads
        self.headDimension = headDimension
        self.slotStride = slotStride
        self.headStride = headStride
    }

    /// Bytes of a pool's plane.
    package static func byteCount(slots: Int, kvHeads: Int, headDimension: Int, format: KVFormat) -> Int {
        slots * kvHeads * format.byteCount(headDimension: headDimension)
    }

    /// Where a head's row of a slot begins.
    func address(head: Int, slot: Int) -> UnsafeMutableRawPointer {
        base + (head * headStride + slot * slotStride) * format.elementByteCount
    }

    /// A head's scales by slot; nil unless int8. (Dimensions are multiples of 8: they are aligned.)
    func scales(head: Int) -> UnsafeMutablePointer<Float>? {
        guard format.isInt8 else { return nil }
        return (base + kvHeads * headStride).assumingMemoryBound(to: Float.self) + head * slots
    }
}
