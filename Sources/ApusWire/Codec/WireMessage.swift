/// A message of one link: its tag and fields follow the frame's header.
package protocol LinkMessage: WireMessage, WireValue {
    static var link: LinkKind { get }
}

/// What one socket carries as one frame.
package protocol WireMessage: Sendable {
    func write(frame writer: inout WireWriter)
    static func read(frame: UnsafeRawBufferPointer) throws(FrameError) -> Self

    /// Two messages that together say the same, for a batch too large for one frame; nil: it cannot be split.
    /// Receivers take a part that comes twice like one that comes once.
    func halves() -> (Self, Self)?
}

extension WireMessage {
    package func halves() -> (Self, Self)? { nil }

    package func encoded() -> [UInt8] {
        var writer = WireWriter()
        write(frame: &writer)
        return writer.bytes
    }

    package static func decoded(_ bytes: [UInt8]) throws(FrameError) -> Self {
        let result = bytes.withUnsafeBytes { frame in
            Result { () throws(FrameError) in try read(frame: frame) }
        }
        return try result.get()
    }
}

extension LinkMessage {
    package func write(frame writer: inout WireWriter) {
        writer.append(integer: WireFormat.magic)
        writer.append(integer: WireFormat.version)
        writer.append(integer: Self.link.rawValue)
        writer.append(self)
    }

    package static func read(frame: UnsafeRawBufferPointer) throws(FrameError) -> Self {
        let link = try linkKind(of: frame)
        guard link == Self.link else { throw .link(link.rawValue) }
        return try read(body: frame)
    }

    /// The message after a header that was checked.
    fileprivate static func read(body frame: UnsafeRawBufferPointer) throws(FrameError) -> Self {
        var reader = WireReader(frame)
        _ = try reader.take(WireFormat.headerByteCount)
        let message = try Self(from: &reader)
        try reader.finish()
        return message
    }
}

extension ToFront: WireMessage {
    package func write(frame writer: inout WireWriter) {
        switch self {
        case .scheduler(let message): message.write(frame: &writer)
        case .detokenizer(let message): message.write(frame: &writer)
        }
    }

    package static func read(frame: UnsafeRawBufferPointer) throws(FrameError) -> ToFront {
        switch try linkKind(of: frame) {
        case .schedulerToFront: .scheduler(try SchedulerToFront.read(body: frame))
        case .detokenizerToFront: .detokenizer(try DetokenizerToFront.read(body: frame))
        case let other: throw .link(other.rawValue)
        }
    }

    package func halves() -> (ToFront, ToFront)? {
        switch self {
        case .scheduler(let message): message.halves().map { (.scheduler($0), .scheduler($1)) }
        case .detokenizer(let message): message.halves().map { (.detokenizer($0), .detokenizer($1)) }
        }
    }
}

/// Checks size, magic and version, and returns the link that the frame belongs to.
private func linkKind(of frame: UnsafeRawBufferPointer) throws(FrameError) -> LinkKind {
    guard frame.count <= WireFormat.maximumFrameByteCount else { throw .oversized(frame.count) }
    var reader = WireReader(frame)
    guard try reader.integer(UInt32.self) == WireFormat.magic else { throw .foreign }
    let version = try reader.integer(UInt16.self)
    guard version == WireFormat.version else { throw .version(version) }
    let raw = try reader.integer(UInt8.self)
    guard let link = LinkKind(rawValue: raw) else { throw .link(raw) }
    return link
}

/// Cuts the array of a batch in two; nil when it has less than two elements.
func halves<Element, Message>(_ elements: [Element], _ message: ([Element]) -> Message) -> (Message, Message)? {
    guard elements.count > 1 else { return nil }
    let middle = elements.count / 2
    return (message(Array(elements[..<middle])), message(Array(elements[middle...])))
}
