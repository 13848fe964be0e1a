#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The few questions that model folders raise.
enum FileSystem {
    static func isDirectory(_ path: String) -> Bool {
        mode(path) == S_IFDIR
    }

    static func isFile(_ path: String) -> Bool {
        mode(path) == S_IFREG
    }

    /// There may be something, but this process may not know.
    static func isForbidden(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 && errno == EACCES
    }

    /// Names in a folder, sorted by their bytes, without `.` and `..`; nil when it cannot be read.
    static func names(in path: String) -> [String]? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The system's words for the last failed call.
    static func lastError() -> String {
        String(cString: strerror(errno))
    }

    /// File type bits, links followed; 0 when there is nothing.
    private static func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
    }
}
