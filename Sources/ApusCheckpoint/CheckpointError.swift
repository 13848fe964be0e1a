/// Why a model's files cannot be used. Each is one line that names the file, and the tensor where there is one.
package enum CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file or folder that the system would not open; carries its reason.
    case unreadable(path: String, reason: String)
    /// A file or folder that could not be made; carries the system's reason.
    case unwritable(path: String, reason: String)
    /// No folder of that name, and no such model in the local cache.
    case modelNotFound(name: String, reason: String)
    /// A folder without weights.
    case noWeights(directory: String, reason: String)
    /// Bytes that are not what their format promises.
    case malformed(path: String, reason: String)
    /// A file shorter than its own header says.
    case truncated(path: String, tensor: String, needed: Int, found: Int)
    /// A file that was written to or cut while it was read.
    case changed(path: String)
    case missingShard(directory: String, shard: String, tensor: String)
    case missingTensor(directory: String, tensor: String)
    case duplicateTensor(tensor: String, first: String, second: String)
    case wrongShape(path: String, tensor: String, found: [Int], expected: [Int])
    /// Integers of another size than the checkpoint's quantisation has.
    case wrongType(path: String, tensor: String, found: String, expected: String)
    /// A number format that weights are not read from.
    case unsupportedElement(path: String, tensor: String, element: String)
    /// A config.json or generation_config.json value that is missing, of the wrong type or not supported.
    case configuration(path: String, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason), .unwritable(let path, let reason):
            "\(path): \(reason)"
        case .modelNotFound(let name, let reason):
            "model '\(name)' not found: \(reason)"
        case .noWeights(let directory, let reason):
            "\(directory): no weights: \(reason)"
        case .malformed(let path, let reason):
            "\(path): \(reason)"
        case .truncated(let path, let tensor, let needed, let found):
            "\(path): truncated: tensor \(tensor) ends at byte \(needed), the file has \(found)"
        case .changed(let path):
            "\(path): the file changed while it was read"
        case .missingShard(let directory, let shard, let tensor):
            "\(directory)/\(shard): missing shard, which should hold tensor \(tensor)"
        case .missingTensor(let directory, let tensor):
            "\(directory): tensor \(tensor) is missing"
        case .duplicateTensor(let tensor, let first, let second):
            "\(second): tensor \(tensor) is also in \(first)"
        case .wrongShape(let path, let tensor, let found, let expected):
            "\(path): tensor \(tensor) has shape \(found), config.json asks for \(expected)"
        case .wrongType(let path, let tensor, let found, let expected):
            "\(path): tensor \(tensor) has type \(found), quantization_config asks for \(expected)"
        case .unsupportedElement(let path, let tensor, let element):
            "\(path): tensor \(tensor) has type \(element); weights are read from F32, F16 and BF16"
        case .configuration(let path, let reason):
            "\(path): \(reason)"
        }
    }
}
