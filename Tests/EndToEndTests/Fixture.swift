import ApusCore
import ApusTestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where things are, and what the machine says of processes.
enum Fixture {
    /// The package's root: three names above this file.
    static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

    /// `apus` of the build that these tests belong to: it lies beside them.
    static let executable: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer[..<max(count, 0)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/apus"
    }()

    /// One of the tiny checkpoints.
    static func model(_ name: String) -> String { "\(package)/Tests/Fixtures/models/\(name)" }

    static func text(of path: String) -> String {
        guard let file = fopen(path, "rb") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A copy of a model's folder whose files may be changed.
    static func copy(of model: String) -> TemporaryDirectory {
        let copy = TemporaryDirectory()
        for name in names(in: model) {
            guard let file = fopen("\(model)/\(name)", "rb") else { continue }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 4 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            precondition(count < bytes.count, "\(name) is too large for a fixture")
            copy.write(Array(bytes[..<count]), to: name)
        }
        return copy
    }

    /// A port that nobody listens on; the kernel does not give the same one again soon.
    static func freePort() -> Int {
        let socket = HTTPClient.socket()
        defer { close(socket) }
        var address = HTTPClient.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> UInt16 in
                precondition(bind(socket, pointer, length) == 0, "no free port")
                getsockname(socket, pointer, &length)
                return UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port
            }
        }
        return Int(UInt16(bigEndian: port))
    }

    /// Parents of all processes that are not zombies.
    static func liveProcesses() -> [pid_t: pid_t] {
        var parents: [pid_t: pid_t] = [:]
        for name in names(in: "/proc") {
            guard let processID = pid_t(name) else { continue }
            // "pid (name) state parent": the name may hold anything.
            let fields = text(of: "/proc/\(name)/stat").split(separator: ")").last?.split(separator: " ") ?? []
            if fields.count > 1, fields[0] != "Z", let parent = pid_t(fields[1]) { parents[processID] = parent }
        }
        return parents
    }

    static func commandLine(of processID: pid_t) -> [String] {
        text(of: "/proc/\(processID)/cmdline").split(separator: "\0").map(String.init)
    }

    static func isAlive(_ processID: pid_t) -> Bool { liveProcesses()[processID] != nil }

    /// Looks until what is seen satisfies `condition`, or time is over; the last that was seen.
    static func eventually<Value>(
        seconds: Double = 20, _ look: () throws -> Value, until condition: (Value) -> Bool
    ) rethrows -> Value {
        let deadline = Clocks.monotonic() + seconds
        while true {
            let value = try look()
            if condition(value) || Clocks.monotonic() >= deadline { return value }
            usleep(20_000)
        }
    }

    /// Waits until `condition` holds; false when it does not in time.
    static func eventually(seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = Clocks.monotonic() + seconds
        while Clocks.monotonic() < deadline {
            if try condition() { return true }
            usleep(2_000)
        }
        return false
    }
}
