import ApusCheckpoint
package import ApusModels
import ApusTensor

/// Models on disk, to take the place of the one in service.
package struct ModelLibrary: WeightLibrary {
    private let shape: ModelShape
    private let kernels: String
    private let open: @Sendable (_ path: String?, _ format: String?) throws -> ModelLoader
    private let room: @Sendable () -> Int

    /// - Parameters:
    ///   - model: The one in service; it is not kept.
    ///   - open: Finds and checks a model; a nil path is the launch's.
    ///   - room: Bytes that could be taken now without harm.
    package init(
        replacing model: Decoder, room: @escaping @Sendable () -> Int,
        open: @escaping @Sendable (_ path: String?, _ format: String?) throws -> ModelLoader
    ) {
        shape = ModelShape(model)
        kernels = model.runtime.kernelName
        self.room = room
        self.open = open
    }

    package func check(_ path: String?, format: String?) throws(WeightFailure) -> any WeightCandidate {
        do {
            let loader = try open(path, format)
            try loader.check(against: shape)
            return ModelCandidate(
                loader: loader, kernels: kernels, byteCount: shape.weightByteCount + loader.largestTensorByteCount,
                room: room)
        } catch {
            throw WeightFailure(error)
        }
    }

    /// What can be taken now: free memory, less what the KV pool has been promised and has not touched yet.
    package static func room(beside pool: KVPool) -> Int {
        (SystemMemory()?.available ?? 0) - pool.untouchedByteCount
    }
}

private struct ModelCandidate: WeightCandidate {
    let loader: ModelLoader
    let kernels: String
    /// In memory at the height of loading.
    let byteCount: Int
    let room: @Sendable () -> Int

    /// Beyond the weights themselves: buffers of the loader, and what others may take meanwhile.
    private static let margin = 64 << 20

    var fitsBeside: Bool { byteCount + byteCount / 20 + Self.margin <= room() }

    func load(progress: (Double) -> Void) throws(WeightFailure) -> any ResidentWeights {
        do {
            // One thread, so that the step's own have the processors; the same kernels, since they fix the packing.
            let runtime = try TensorRuntime(threads: 1, kernels: kernels)
            return try withoutActuallyEscaping(progress) { progress in
                LoadedDecoder(
                    try loader.load(runtime, copies: true) { done, total in
                        if total > 0 { progress(Double(done) / Double(total)) }
                    })
            }
        } catch {
            throw WeightFailure(error)
        }
    }
}

extension WeightFailure {
    init(_ error: any Error) {
        guard let error = error as? CheckpointError else {
            self = (error as? WeightFailure) ?? .unfit(reason: "\(error)")
            return
        }
        self =
            switch error {
            case .modelNotFound: .notFound
            case .unreadable, .unwritable, .noWeights, .malformed, .truncated, .changed, .missingShard:
                .unreadable(reason: "\(error)")
            case .missingTensor, .duplicateTensor, .wrongShape, .wrongType, .unsupportedElement, .configuration:
                .unfit(reason: "\(error)")
            }
    }
}
