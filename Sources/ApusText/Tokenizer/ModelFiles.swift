import ApusCheckpoint
import ApusJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The small files of a model folder.
struct ModelFiles {
    let directory: String

    func path(_ name: String) -> String { directory + "/" + name }

    func contains(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

    /// The document in the file; nil if there is no such file.
    func json(_ name: String) throws(TextError) -> JSONValue? {
        guard let file = try file(name) else { return nil }
        do {
            return try JSONValue(parsing: file.bytes, options: .files)
        } catch {
            throw .invalidJSON(path: path(name), error)
        }
    }

    /// Copied, whatever happens to the file meanwhile; nil if there is no such file.
    func bytes(_ name: String) throws(TextError) -> [UInt8]? {
        guard let file = try file(name) else { return nil }
        do {
            return try file.contents()
        } catch {
            throw .unreadable(path: path(name), reason: "\(error)")
        }
    }

    func text(_ name: String) throws(TextError) -> String? {
        guard let file = try file(name) else { return nil }
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw .unreadable(path: path(name), reason: "not UTF-8")
        }
        return text
    }

    private func file(_ name: String) throws(TextError) -> MappedFile? {
        guard contains(name) else { return nil }
        do {
            return try MappedFile(path: path(name))
        } catch {
            throw .unreadable(path: path(name), reason: "\(error)")
        }
    }
}
