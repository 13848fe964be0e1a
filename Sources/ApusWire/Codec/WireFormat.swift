/// How a message looks as bytes. All numbers are little-endian.
///
///     offset  bytes  what
///     0       4      "APUS"
///     4       2      `version`
///     6       1      `LinkKind`
///     7       1      tag: which message of the link, numbered in its `+Wire` file
///     8       …      the fields in order, without padding or names, up to the end of the frame
///
/// A field is written by its type: `Bool` 1 byte (0 or 1); `Int` as 8 bytes; `Int32`, `Float` 4; `Int64`, `UInt64`,
/// `Double` 8; an optional is 1 byte (0 or 1) and then the value if any; text and arrays are a 4-byte count and then
/// the UTF-8 bytes or elements; an enum is 1 byte and then the fields of its case.
package enum WireFormat {
    package static let magic: UInt32 = 0x5355_5041  // "APUS" read as a little-endian number

    /// Raised whenever the bytes of any message change: all roles of one server run the same version.
    package static let version: UInt16 = 11

    /// No frame is larger: a sender splits batches, a receiver drops the connection before it allocates.
    /// A prompt of a million tokens takes 4 MB.
    package static let maximumFrameByteCount = 128 << 20

    /// Bytes before the tag.
    static let headerByteCount = 7
}

/// The links of the ring, as the header numbers them.
package enum LinkKind: UInt8, Sendable, CaseIterable {
    case frontToScheduler = 1
    case schedulerToDetokenizer = 2
    case detokenizerToFront = 3
    case schedulerToFront = 4
}

/// Why bytes are no message for their receiver. Never leaves the process: such a frame is counted and skipped.
package enum FrameError: Error, Equatable {
    case foreign
    case version(UInt16)
    case link(UInt8)
    case tag(UInt8)
    /// The frame ends before its fields do, or a count asks for more than there is.
    case truncated
    /// Bytes are left after the last field.
    case trailing(Int)
    /// A field holds what its type does not allow.
    case invalid(String)
    case oversized(Int)
}
