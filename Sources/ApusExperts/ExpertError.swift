/// Why a record cannot be written or read.
package enum ExpertError: Error, Hashable, Sendable, CustomStringConvertible {
    case unwritable(path: String, reason: String)
    case unreadable(path: String, reason: String)
    /// A line of a table that is none; counted from 1.
    case malformed(path: String, line: Int, reason: String)

    package var description: String {
        switch self {
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .malformed(let path, let line, let reason): "\(path), line \(line): \(reason)"
        }
    }
}
