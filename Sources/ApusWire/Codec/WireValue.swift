/// What can be a field of a message.
package protocol WireValue {
    func write(to writer: inout WireWriter)
    init(from reader: inout WireReader) throws(FrameError)
}

/// What can be an element of an array.
package protocol WireElement: WireValue {
    /// Bytes of the shortest encoding, at least 1: a count that the frame cannot hold is refused before allocation.
    static var leastByteCount: Int { get }

    static func writeAll(_ elements: [Self], to writer: inout WireWriter)
    static func readAll(count: Int, from reader: inout WireReader) throws(FrameError) -> [Self]
}

extension WireElement {
    package static func writeAll(_ elements: [Self], to writer: inout WireWriter) {
        for element in elements { element.write(to: &writer) }
    }

    package static func readAll(count: Int, from reader: inout WireReader) throws(FrameError) -> [Self] {
        var elements: [Self] = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(try Self(from: &reader)) }
        return elements
    }
}

extension Array: WireValue where Element: WireElement {
    package func write(to writer: inout WireWriter) {
        writer.append(count: count)
        if !isEmpty { Element.writeAll(self, to: &writer) }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        let count = try reader.count(leastByteCount: Element.leastByteCount)
        // Most lists of most messages are empty.
        self = count == 0 ? [] : try Element.readAll(count: count, from: &reader)
    }
}

extension Optional: WireValue where Wrapped: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(self != nil)
        if let value = self { writer.append(value) }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self = try reader.value(Bool.self) ? try reader.value(Wrapped.self) : nil
    }
}

extension Bool: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(integer: UInt8(self ? 1 : 0))
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.integer(UInt8.self) {
        case 0: self = false
        case 1: self = true
        case let other: throw .invalid("truth value \(other)")
        }
    }
}

extension Int: WireElement {
    package static var leastByteCount: Int { 8 }

    package func write(to writer: inout WireWriter) { writer.append(integer: Int64(self)) }
    package init(from reader: inout WireReader) throws(FrameError) { self = Int(try reader.integer(Int64.self)) }
}

extension Int64: WireValue {
    package func write(to writer: inout WireWriter) { writer.append(integer: self) }
    package init(from reader: inout WireReader) throws(FrameError) { self = try reader.integer() }
}

extension UInt64: WireValue {
    package func write(to writer: inout WireWriter) { writer.append(integer: self) }
    package init(from reader: inout WireReader) throws(FrameError) { self = try reader.integer() }
}

extension Float: WireElement {
    package static var leastByteCount: Int { 4 }

    package func write(to writer: inout WireWriter) { writer.append(integer: bitPattern) }
    package init(from reader: inout WireReader) throws(FrameError) { self.init(bitPattern: try reader.integer()) }
}

extension Double: WireElement {
    package static var leastByteCount: Int { 8 }

    package func write(to writer: inout WireWriter) { writer.append(integer: bitPattern) }
    package init(from reader: inout WireReader) throws(FrameError) { self.init(bitPattern: try reader.integer()) }
}

extension Int32: WireElement {
    package static var leastByteCount: Int { 4 }

    package func write(to writer: inout WireWriter) { writer.append(integer: self) }
    package init(from reader: inout WireReader) throws(FrameError) { self = try reader.integer() }

    /// Token ids are most of what travels: on little-endian machines their memory is their encoding.
    package static func writeAll(_ elements: [Int32], to writer: inout WireWriter) {
        #if _endian(little)
            elements.withUnsafeBytes { writer.append(raw: $0) }
        #else
            for element in elements { writer.append(integer: element) }
        #endif
    }

    package static func readAll(count: Int, from reader: inout WireReader) throws(FrameError) -> [Int32] {
        let bytes = try reader.take(count * leastByteCount)
        return [Int32](unsafeUninitializedCapacity: count) { elements, initialized in
            UnsafeMutableRawBufferPointer(elements).copyMemory(from: bytes)
            #if _endian(big)
                for index in 0..<count { elements[index] = Int32(littleEndian: elements[index]) }
            #endif
            initialized = count
        }
    }
}

extension String: WireElement {
    package static var leastByteCount: Int { 4 }

    package func write(to writer: inout WireWriter) {
        var text = self
        text.withUTF8 {
            writer.append(count: $0.count)
            writer.append(raw: UnsafeRawBufferPointer($0))
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        let bytes = try reader.take(try reader.count(leastByteCount: 1))
        // Decoding repairs what is wrong, at several times the speed at which validating finds it.
        var text = String(decoding: bytes, as: UTF8.self)
        let isWhole = text.withUTF8 { UnsafeRawBufferPointer($0).elementsEqual(bytes) }
        guard isWhole else { throw .invalid("text that is not UTF-8") }
        self = text
    }
}
