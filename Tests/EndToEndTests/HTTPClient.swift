import ApusJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One HTTP/1.1 exchange over a plain socket: blocking, and as strict as a test wants it.
struct HTTPClient {
    let port: Int
    /// Seconds without a byte after which an exchange fails.
    var timeout = 60.0
    var headers: [String: String] = [:]

    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func json() throws -> JSONValue { try JSONValue(parsing: body) }
    }

    func get(_ path: String) throws -> Answer { try exchange("GET", path, nil).readAll() }

    func post(_ path: String, _ body: JSONValue) throws -> Answer { try exchange("POST", path, body).readAll() }

    /// Sends a request; the answer is read as the caller likes.
    func exchange(_ method: String, _ path: String, _ body: JSONValue?) throws -> Exchange {
        let descriptor = Self.socket()
        var limit = timeval(tv_sec: Int(timeout), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let exchange = Exchange(descriptor)
        var address = Self.address(port: port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure("connect: \(String(cString: strerror(errno)))") }
        let payload = body?.serialized ?? []
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        head += "Content-Type: application/json\r\nContent-Length: \(payload.count)\r\n\r\n"
        try exchange.send(Array(head.utf8) + payload)
        return exchange
    }

    static func socket() -> Int32 {
        #if canImport(Glibc)
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #endif
        precondition(descriptor >= 0, "no socket: \(String(cString: strerror(errno)))")
        return descriptor
    }

    /// 127.0.0.1.
    static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// A request that was sent, and its answer as it comes. Closing is what a client that leaves does.
final class Exchange {
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var status = 0
    private(set) var headers: [String: String] = [:]
    private var isChunked = false

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close()
    }

    func close() {
        if descriptor >= 0 { _ = closeDescriptor(descriptor) }
        descriptor = -1
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure("send: \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
    }

    func readAll() throws -> HTTPClient.Answer {
        try readHead()
        var body: [UInt8] = []
        while let piece = try readPiece() { body += piece }
        return HTTPClient.Answer(status: status, headers: headers, body: body)
    }

    /// Status and headers.
    func readHead() throws {
        guard status == 0 else { return }
        let lines = try (readLine() ?? "").split(separator: " ")
        guard lines.count > 1, lines[0] == "HTTP/1.1", let status = Int(lines[1]) else {
            throw Failure("no HTTP answer")
        }
        self.status = status
        while let line = try readLine(), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { throw Failure("a header without a colon: \(line)") }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        isChunked = headers["transfer-encoding"] == "chunked"
        remaining = headers["content-length"].flatMap { Int($0) }
    }

    private var remaining: Int?
    private var isOver = false

    /// The next part of the body; nil at its end. Throws when the connection ends before the body does.
    private func readPiece() throws -> [UInt8]? {
        if isOver { return nil }
        if isChunked {
            guard let line = try readLine(), let count = Int(line, radix: 16) else { throw Failure("cut off") }
            guard count > 0 else {
                _ = try readLine()
                isOver = true
                return nil
            }
            let piece = try take(count)
            guard try readLine() == "" else { throw Failure("a chunk of another length") }
            return piece
        }
        isOver = true
        return try take(remaining ?? 0)
    }

    /// The JSON of the events of a stream, and "[DONE]" as a string; nil at the end of the body.
    func readEvent() throws -> JSONValue? {
        try readHead()
        while true {
            if let end = events.firstRange(of: [10, 10]) {
                let event = String(decoding: events[..<end.lowerBound], as: UTF8.self)
                events.removeSubrange(..<end.upperBound)
                guard event.hasPrefix("data: ") else { throw Failure("not an event: \(event)") }
                let data = event.dropFirst(6)
                return data == "[DONE]" ? .string("[DONE]") : try JSONValue(parsing: String(data))
            }
            guard let piece = try readPiece() else {
                guard events.isEmpty else { throw Failure("half an event at the end") }
                return nil
            }
            events += piece
        }
    }

    private var events: [UInt8] = []

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill() else { throw Failure("cut off") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// Without its end; nil when the connection has ended.
    private func readLine() throws -> String? {
        while true {
            if let end = buffer.firstRange(of: [13, 10]) {
                let line = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
                buffer.removeSubrange(..<end.upperBound)
                return line
            }
            guard try fill() else { return nil }
        }
    }

    private func fill() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count >= 0 else { throw Failure("recv: \(String(cString: strerror(errno)))") }
        buffer += piece[..<count]
        return count > 0
    }
}

private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
