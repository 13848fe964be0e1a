import CZeroMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One socket, used by one thread and closed with its owner.
struct ZeroMQSocket: ~Copyable {
    /// Kept so that the context outlives the socket.
    private let context: ZeroMQContext
    let pointer: UnsafeMutableRawPointer
    let address: String

    /// Messages that wait at each end of a link before its sender is told that it is full.
    static let highWaterMark: Int32 = 1000

    init(_ context: ZeroMQContext, type: Int32, address: String) throws(WireError) {
        self.context = context
        self.address = address
        pointer = try context.socket(type, for: address)
    }

    deinit {
        _ = zmq_close(pointer)
    }

    func set(_ option: Int32, _ value: Int32) throws(WireError) {
        try setBytes(of: value, option)
    }

    func set(_ option: Int32, wide value: Int64) throws(WireError) {
        try setBytes(of: value, option)
    }

    private func setBytes(of value: some BitwiseCopyable, _ option: Int32) throws(WireError) {
        let result = withUnsafeBytes(of: value) { zmq_setsockopt(pointer, option, $0.baseAddress, $0.count) }
        guard result == 0 else {
            throw .failed(call: "zmq_setsockopt(\(option))", subject: address, code: zmq_errno())
        }
    }

    /// Readable once something happened since the last call that found nothing to do (zmq_getsockopt(3), ZMQ_FD).
    var descriptor: Int32 {
        var descriptor: Int32 = -1
        var size = MemoryLayout<Int32>.size
        let result = zmq_getsockopt(pointer, ZMQ_FD, &descriptor, &size)
        precondition(result == 0, "zmq_getsockopt(ZMQ_FD): \(String(cString: zmq_strerror(zmq_errno())))")
        return descriptor
    }

    func bind() throws(WireError) {
        if let code = uninterrupted({ zmq_bind(pointer, address) }).code {
            throw .failed(call: "zmq_bind", subject: address, code: code)
        }
    }

    func connect() throws(WireError) {
        if let code = uninterrupted({ zmq_connect(pointer, address) }).code {
            throw .failed(call: "zmq_connect", subject: address, code: code)
        }
    }
}
