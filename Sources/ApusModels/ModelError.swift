/// Why a model cannot be built, beyond what its checkpoint or the memory say.
package enum ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownArchitecture(String, supported: [String])
    /// Not the same model with other weights.
    case otherModel(reason: String)
    /// Weights that are not quantised as they are asked for, or as the model in service is.
    case unfitQuantization(reason: String)

    package var description: String {
        switch self {
        case .unknownArchitecture(let name, let supported):
            "architecture '\(name)' is not supported; supported are \(supported.joined(separator: ", "))"
        case .otherModel(let reason), .unfitQuantization(let reason): reason
        }
    }
}
