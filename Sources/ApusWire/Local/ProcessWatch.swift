import CZeroMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Notices the end of another process at once, whether a child or not.
///
/// Linux gives a descriptor that becomes readable (pidfd), for `ZeroMQInbox.watch`. Where there is none the process is
/// looked up on each `hasExited`: ask at least as often as you want to know.
package final class ProcessWatch {
    package let processID: Int32
    /// Readable for ever once the process has ended; nil where the system has no such thing.
    package let descriptor: Int32?
    private let handle: Descriptor?
    /// When the process was started, by the kernel's count: tells it from a later one with the same number.
    private let birth: String?

    /// Watches whatever process has this number now; one that is gone already counts as exited.
    package convenience init(processID: Int32) {
        #if os(Linux)
            let opened = uninterrupted { apus_pidfd_open(processID) }
            self.init(processID: processID, handle: opened.code == nil ? opened.result : nil)
        #else
            self.init(processID: processID, handle: nil)
        #endif
    }

    /// `handle`: a pidfd; nil looks the process up.
    init(processID: Int32, handle: Int32?) {
        self.processID = processID
        descriptor = handle
        if let handle {
            self.handle = Descriptor(handle)
            birth = nil
        } else {
            self.handle = nil
            birth = Self.birth(processID)
        }
    }

    package var hasExited: Bool {
        if let descriptor {
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return uninterrupted { poll(&item, 1, 0) }.result > 0
        }
        return birth == nil || Self.birth(processID) != birth
    }

    /// Something that stays the same while the process lives; nil when it does not (any more).
    private static func birth(_ processID: Int32) -> String? {
        #if os(Linux)
            guard let file = fopen("/proc/\(processID)/stat", "re") else { return nil }
            defer { fclose(file) }
            var line = [UInt8](repeating: 0, count: 1024)
            let count = fread(&line, 1, line.count, file)
            // "pid (name) state ppid …": the name may hold anything, so the fields are counted from its last bracket.
            guard let bracket = line[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
            let fields = line[(bracket + 1)..<count].split(separator: UInt8(ascii: " "))
            // proc(5): state is field 3, starttime field 22. Zombies and the dead are over.
            guard fields.count > 19, let state = fields[0].first, !"ZXx".utf8.contains(state) else { return nil }
            return String(decoding: fields[19], as: UTF8.self)
        #else
            return kill(processID, 0) == 0 || errno == EPERM ? "alive" : nil
        #endif
    }
}
