import ApusSupervisor
import ApusWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The folder of one `apus serve` below the runtime directory, so that several can run at once.
enum Instance {
    private static let prefix = "serve-"

    static func name(of processID: Int32) -> String { "\(prefix)\(processID)" }

    /// Removes folders whose supervisor was killed and left them.
    static func removeStale(in parent: RuntimeDirectory) {
        guard let folder = opendir(parent.path) else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(prefix), let processID = Int32(name.dropFirst(prefix.count)), processID > 0,
                kill(processID, 0) != 0, errno == ESRCH,
                let directory = try? RuntimeDirectory(path: "\(parent.path)/\(name)")
            else { continue }
            remove(directory)
        }
    }

    static func remove(_ directory: RuntimeDirectory) {
        unlink("\(directory.path)/\(Launch.fileName)")
        unlink("\(directory.path)/notify.sock")
        WeightRecord.forget(in: directory)
        directory.remove()
    }
}
