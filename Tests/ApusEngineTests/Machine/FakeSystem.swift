import ApusEngine
import ApusTestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A tree of files that stands for `/proc` and `/sys` as long as this value lives.
struct FakeSystem {
    private let directory = TemporaryDirectory()

    var files: SystemFiles { SystemFiles(root: directory.path) }

    func write(_ path: String, _ text: String) {
        let parts = path.split(separator: "/").dropLast()
        for count in 0..<parts.count {
            mkdir("\(directory.path)/" + parts.prefix(count + 1).joined(separator: "/"), 0o755)
        }
        directory.write(Array(text.utf8), to: String(path.dropFirst()))
    }
}
