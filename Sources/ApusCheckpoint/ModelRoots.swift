#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The folders below which models must lie that requests name.
///
/// Links are followed before anything is compared, so neither `..` nor a link leads out; and each file of a model must
/// lie below a root too, wherever its own link points.
package struct ModelRoots: Sendable {
    private let folders: [String]

    package init(_ folders: [String]) {
        self.folders = folders
    }

    /// Whether `directory` and all that is in it lie below a root. What does not exist does not.
    package func contain(_ directory: String) -> Bool {
        let roots = folders.compactMap(Self.real)
        guard Self.isBelow(directory, roots), let names = FileSystem.names(in: directory) else { return false }
        return names.allSatisfy { Self.isBelow("\(directory)/\($0)", roots) }
    }

    private static func isBelow(_ path: String, _ roots: [String]) -> Bool {
        guard let path = real(path) else { return false }
        return roots.contains { path == $0 || path.hasPrefix($0 == "/" ? "/" : "\($0)/") }
    }

    /// Absolute, without links; nil when there is nothing.
    private static func real(_ path: String) -> String? {
        guard let text = realpath(path, nil) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }
}
