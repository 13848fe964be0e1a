/// Which trace a piece of work belongs to, and the span that asked for it (W3C Trace Context, section 3.2).
package struct TraceContext: Sendable, Hashable {
    /// Both halves of the trace's id; not both 0.
    package let traceHigh: UInt64
    package let traceLow: UInt64
    /// Not 0.
    package var spanID: UInt64
    /// The caller records this trace.
    package let isSampled: Bool

    package init(traceHigh: UInt64, traceLow: UInt64, spanID: UInt64, isSampled: Bool) {
        precondition(traceHigh | traceLow != 0 && spanID != 0, "ids of traces and spans are not 0")
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// A new trace.
    package static func random() -> TraceContext {
        TraceContext(
            traceHigh: randomID(), traceLow: randomID(), spanID: randomID(), isSampled: true)
    }

    /// The id of a new span or half a trace's.
    package static func randomID() -> UInt64 { UInt64.random(in: 1 ... .max) }

    // MARK: - traceparent

    /// Reads the header `traceparent`; nil if it must be ignored.
    package init?(header: String) {
        let parts = header.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = Self.number(parts[0], digits: 2), version != 0xFF,
            // Later versions may have more parts.
            parts.count == 4 || version > 0,
            parts[1].utf8.count == 32, let high = Self.number(parts[1].prefix(16), digits: 16),
            let low = Self.number(parts[1].suffix(16), digits: 16), high | low != 0,
            let span = Self.number(parts[2], digits: 16), span != 0, let flags = Self.number(parts[3], digits: 2)
        else { return nil }
        self.init(traceHigh: high, traceLow: low, spanID: span, isSampled: flags & 1 == 1)
    }

    /// As `traceparent` has it.
    package var header: String { "00-\(traceID)-\(Self.hex(spanID))-\(isSampled ? "01" : "00")" }

    /// 32 hexadecimal digits.
    package var traceID: String { Self.hex(traceHigh) + Self.hex(traceLow) }

    /// 16 hexadecimal digits.
    package static func hex(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Lower case alone, as the format wants it.
    private static func number(_ text: Substring, digits: Int) -> UInt64? {
        guard text.utf8.count == digits,
            text.utf8.allSatisfy({
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            })
        else { return nil }
        return UInt64(text, radix: 16)
    }
}
