import CZeroMQ
import Synchronization

/// ZeroMQ's I/O thread, shared by the sockets of one role; it ends with the last of them.
package final class ZeroMQContext: @unchecked Sendable {
    // @unchecked: libzmq's contexts are thread-safe (zmq_ctx_new(3)); the rest is guarded by the mutex.
    private let pointer: UnsafeMutableRawPointer
    private let locks = Mutex<[FileLock]>([])

    package init() throws(WireError) {
        guard let pointer = zmq_ctx_new() else {
            throw .failed(call: "zmq_ctx_new", subject: "", code: zmq_errno())
        }
        self.pointer = pointer
    }

    deinit {
        // Waits for the I/O thread: sends what lingers and removes the socket files. The locks are given up after it,
        // so that those files cannot be a successor's.
        _ = uninterrupted { zmq_ctx_term(pointer) }
    }

    func keep(_ lock: FileLock) {
        locks.withLock { $0.append(lock) }
    }

    func socket(_ type: Int32, for address: String) throws(WireError) -> UnsafeMutableRawPointer {
        guard let socket = zmq_socket(pointer, type) else {
            throw .failed(call: "zmq_socket", subject: address, code: zmq_errno())
        }
        return socket
    }
}
