/// Appends fields to one frame. The buffer is kept from frame to frame.
package struct WireWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Begins the next frame. A buffer that one huge frame made large is given back.
    mutating func restart() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
    }

    mutating func append(raw: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: raw)
    }

    mutating func append(integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(count: Int) {
        append(integer: UInt32(count))
    }

    mutating func append(_ value: some WireValue) {
        value.write(to: &self)
    }

    /// The tag of a message or of an enum's case.
    mutating func append(tag: some RawRepresentable<UInt8>) {
        bytes.append(tag.rawValue)
    }
}
