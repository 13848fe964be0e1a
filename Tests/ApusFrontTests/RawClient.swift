import ApusCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A TCP client that can misbehave. Blocking: use it inside `onThread`.
final class RawClient {
    private let descriptor: Int32
    private var isOpen = true

    init(port: Int, receiveBuffer: Int32? = nil) {
        #if canImport(Glibc)
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "connect: errno \(errno)")
    }

    deinit { hangUp() }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { sendQuietly(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// What comes until `ending` is in it, the connection closes or ten seconds pass.
    func receive(until ending: String? = nil) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            // Looked for where it can have become whole, so that long answers take linear time.
            if let ending, String(decoding: bytes.suffix(count + ending.utf8.count), as: UTF8.self).contains(ending) {
                break
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func hangUp() {
        // The number may be another socket's by now.
        guard isOpen else { return }
        isOpen = false
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// Closes its half of the connection.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func sendGenerate(_ body: String) {
        send(
            "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
}

/// A peer that closed must be an error code, not a signal.
private func sendQuietly(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
        send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
    #else
        send(descriptor, bytes, count, 0)
    #endif
}

/// Runs blocking code without taking a thread from the async ones.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    let thread = Mutex<NamedThread?>(nil)
    let value = await withCheckedContinuation { continuation in
        thread.withLock { $0 = NamedThread("raw-client") { continuation.resume(returning: body()) } }
    }
    thread.withLock { $0 }?.join()
    return value
}
