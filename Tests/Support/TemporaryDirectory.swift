#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A fresh directory that is removed with everything in it when the value goes away.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() {
        var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { preconditionFailure("no temporary directory can be made") }
        path = String(cString: made)
    }

    deinit {
        remove(path)
    }

    /// Writes a file below the directory; `name` may hold no folders.
    package func write(_ bytes: [UInt8], to name: String) {
        let file = fopen("\(path)/\(name)", "wb")
        precondition(file != nil, "\(path)/\(name) cannot be written")
        _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
    }

    private func remove(_ path: String) {
        // unlink removes files and links, and refuses directories: links to directories are never followed.
        guard unlink(path) != 0, let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { remove("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }
}
