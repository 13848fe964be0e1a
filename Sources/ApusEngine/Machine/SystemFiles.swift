#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads the small text files in which the kernel states things, below a root that tests can move.
package struct SystemFiles: Sendable {
    /// Prefix of every path; empty for the real files.
    package let root: String

    package init(root: String = "") {
        self.root = root
    }

    /// A file's text, at most 1 MiB of it; nil when it cannot be read.
    package func text(_ path: String) -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        // Files of /proc state no size: read until there is no more.
        while bytes.count < 1 << 20 {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func lines(_ path: String) -> [Substring] {
        text(path)?.split(separator: "\n") ?? []
    }

    /// The first word of a file.
    package func word(_ path: String) -> String? {
        text(path)?.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    package func exists(_ path: String) -> Bool {
        access(root + path, F_OK) == 0
    }
}

extension Array where Element == Int {
    /// The numbers of a kernel list such as `0-3,8,10-11`, ascending, each once; nil when it is none.
    package init?(processorList text: some StringProtocol) {
        var numbers: Set<Int> = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                Int($0.trimmingSpaces)
            }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
                first >= 0, first <= last, last < 1 << 16
            else { return nil }
            numbers.formUnion(first...last)
        }
        guard !numbers.isEmpty else { return nil }
        self = numbers.sorted()
    }
}

extension StringProtocol {
    var trimmingSpaces: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
