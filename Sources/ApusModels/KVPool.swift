import ApusCore
package import ApusTensor

/// Keys and values of all layers for a fixed number of token slots. Who owns which slot is the scheduler's business.
///
/// The memory is reserved at once and taken from the system page by page as slots are first written.
///
/// `@unchecked Sendable`: what it describes never changes; the numbers belong to the one thread that runs steps.
package final class KVPool: @unchecked Sendable {
    package let slotCount: Int
    package let format: KVFormat
    private let planes: [(keys: KVPlane, values: KVPlane)]
    private let buffer: AlignedBuffer

    /// - Throws: `TensorError.outOfMemory`.
    package init(
        slotCount: Int, layerCount: Int, kvHeadCount: Int, headDimension: Int, format: KVFormat
    ) throws {
        precondition(slotCount > 0)
        self.slotCount = slotCount
        self.format = format
        let bytes = KVPlane.byteCount(
            slots: slotCount, kvHeads: kvHeadCount, headDimension: headDimension, format: format)
        let planeBytes = (bytes + 63) / 64 * 64
        let buffer = try AlignedBuffer(byteCount: planeBytes * layerCount * 2)
        func plane(_ index: Int) -> KVPlane {
            KVPlane(
                base: buffer.base + index * planeBytes, format: format, slots: slotCount,
                kvHeads: kvHeadCount, headDimension: headDimension)
        }
        planes = (0..<layerCount).map { (plane($0 * 2), plane($0 * 2 + 1)) }
        self.buffer = buffer
    }

    /// Bytes of one token's keys and values in all layers.
    package static func bytesPerToken(
        layerCount: Int, kvHeadCount: Int, headDimension: Int, format: KVFormat
    ) -> Int {
        2 * layerCount * kvHeadCount * format.byteCount(headDimension: headDimension)
    }

    /// Gives the memory back to the system, and with it all keys and values.
    package func discard() { buffer.discard() }

    /// Fills every slot with small random numbers, as if it had been computed: for measurements of speed alone.
    package func fillAtRandom(_ runtime: TensorRuntime) {
        let plane = planes[0].keys
        let width = plane.kvHeads * plane.headDimension
        let memory = AlignedBuffer()
        defer { withExtendedLifetime(memory) {} }
        let rows = memory.matrix(rows: 4096, columns: width)
        var random = SplitMix64(seed: 1)
        for row in 0..<rows.rows {
            for column in 0..<width { rows[row][column] = Float(Int64(bitPattern: random.next()) >> 40) * 0x1p-23 }
        }
        for start in stride(from: 0, to: slotCount, by: rows.rows) {
            let slots = (start..<min(start + rows.rows, slotCount)).map { Int32($0) }
            slots.withUnsafeBufferPointer { slots in
                for plane in planes {
                    runtime.store(rows.rows(0..<slots.count), into: plane.keys, slots: slots)
                    runtime.store(rows.rows(0..<slots.count), into: plane.values, slots: slots)
                }
            }
        }
    }

    /// Bytes that slots will take when they are first written.
    package var untouchedByteCount: Int { buffer.byteCount - buffer.residentByteCount }

    /// Valid as long as the pool lives.
    func layer(_ index: Int) -> (keys: KVPlane, values: KVPlane) {
        planes[index]
    }
}
