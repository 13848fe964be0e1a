/// Why a model cannot be built, beyond what its checkpoint or the memory say.
package enum ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownArchitecture(String, supported: [String])

    package var description: String {
        switch self {
        case .unknownArchitecture(let name, let supported):
            "architecture '\(name)' is not supported; supported are \(supported.joined(separator: ", "))"
        }
    }
}
