/// What can go wrong outside our own code.
package enum TensorError: Error, Equatable, CustomStringConvertible {
    /// The operating system gave no memory.
    case outOfMemory(byteCount: Int)
    /// This machine (or build) cannot run the kernels of that name.
    case unknownKernels(name: String, available: [String])
    /// The operating system started no thread (errno).
    case threadCreation(code: Int32)

    package var description: String {
        switch self {
        case .outOfMemory(let byteCount):
            "out of memory: \(byteCount) bytes were refused"
        case .unknownKernels(let name, let available):
            "this machine cannot run the kernels '\(name)' (it can run: \(available.joined(separator: ", ")))"
        case .threadCreation(let code):
            "a worker thread could not be started (error \(code))"
        }
    }
}
