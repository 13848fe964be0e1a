/// Takes fields off the front of one frame. Every length is checked against what is left before anything is read or
/// allocated, so no frame can make the reader crash or allocate more than a small multiple of the frame.
///
/// Reads raw memory because the bytes belong to ZeroMQ; valid only inside the closure that lent them.
package struct WireReader {
    private var rest: UnsafeRawBufferPointer
    /// The last weights read, and how they were written.
    private var known: (bytes: UnsafeRawBufferPointer, weights: [WeightSpan])?

    init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    mutating func take(_ byteCount: Int) throws(FrameError) -> UnsafeRawBufferPointer {
        guard byteCount <= rest.count else { throw .truncated }
        let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(byteCount))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(byteCount))
        return taken
    }

    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _: Integer.Type = Integer.self
    ) throws(FrameError) -> Integer {
        Integer(littleEndian: try take(MemoryLayout<Integer>.size).loadUnaligned(as: Integer.self))
    }

    /// A count of things that take at least `leastByteCount` bytes each, all of which must still be there.
    mutating func count(leastByteCount: Int) throws(FrameError) -> Int {
        let count = Int(try integer(UInt32.self))
        guard count <= rest.count / leastByteCount else { throw .truncated }
        return count
    }

    mutating func value<Value: WireValue>(_: Value.Type = Value.self) throws(FrameError) -> Value {
        try Value(from: &self)
    }

    /// The weights of a stream, which in most messages are the same for all: then they are one array.
    mutating func weights() throws(FrameError) -> [WeightSpan] {
        // No encoding is the beginning of another.
        if let known, known.bytes.elementsEqual(rest.prefix(known.bytes.count)) {
            _ = try take(known.bytes.count)
            return known.weights
        }
        let start = rest
        let weights = try value([WeightSpan].self)
        known = (UnsafeRawBufferPointer(rebasing: start.dropLast(rest.count)), weights)
        return weights
    }

    /// The tag of a message or of an enum's case; one that the enum does not have is refused.
    mutating func tag<Tag: RawRepresentable<UInt8>>(_: Tag.Type = Tag.self) throws(FrameError) -> Tag {
        let raw = try integer(UInt8.self)
        guard let tag = Tag(rawValue: raw) else { throw .tag(raw) }
        return tag
    }

    /// The frame must end here.
    func finish() throws(FrameError) {
        guard rest.isEmpty else { throw .trailing(rest.count) }
    }
}
