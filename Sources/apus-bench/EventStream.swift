/// Cuts server-sent events out of a stream of bytes (WHATWG HTML, section 9.2), data lines only.
struct EventStream {
    private var pending: [UInt8] = []
    private var data: [UInt8] = []

    /// The data of the events that `bytes` completes.
    mutating func events(in bytes: some Sequence<UInt8>) -> [[UInt8]] {
        pending += bytes
        var events: [[UInt8]] = []
        var start = 0
        while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
            var line = pending[start..<end]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            start = end + 1
            if line.isEmpty {
                if !data.isEmpty { events.append(data) }
                data = []
            } else if line.starts(with: Array("data:".utf8)) {
                var value = line.dropFirst(5)
                if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
                if !data.isEmpty { data.append(UInt8(ascii: "\n")) }
                data += value
            }
        }
        pending.removeFirst(start)
        return events
    }
}
