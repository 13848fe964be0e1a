import ApusCheckpoint
package import ApusModels
package import ApusTensor

/// A model's folder that has been checked and can be read.
package protocol LoadableModel: Sendable {
    /// Bytes of the largest tensor, which stands in memory beside its packed form while it is copied.
    var largestTensorByteCount: Int { get }

    /// Reads and packs the weights; files that change meanwhile are an error.
    func resident(
        _ runtime: TensorRuntime, pace: @escaping () -> Void, progress: @escaping (_ done: Int, _ total: Int) -> Void
    ) throws -> any ResidentWeights
}

/// Models on disk, to take the place of the one in service.
package struct ModelLibrary: WeightLibrary {
    private let weightByteCount: Int
    private let kernels: String
    /// What the weights before left.
    private let spare: SpareMemory?
    /// Finds a model and holds it against the one in service.
    private let open: @Sendable (_ path: String?, _ format: String?) throws -> any LoadableModel
    private let room: @Sendable () -> Int

    /// - Parameters:
    ///   - model: The one in service; it is not kept.
    ///   - open: Finds and checks a model; a nil path is the launch's.
    ///   - room: Bytes that could be taken now without harm.
    package init(
        replacing model: Decoder, room: @escaping @Sendable () -> Int,
        open: @escaping @Sendable (_ path: String?, _ format: String?) throws -> ModelLoader
    ) {
        let shape = ModelShape(model)
        weightByteCount = shape.weightByteCount
        kernels = model.runtime.kernelName
        spare = model.runtime.spare
        self.room = room
        self.open = { path, format in
            let loader = try open(path, format)
            try loader.check(against: shape)
            return loader
        }
    }

    /// The same for a model that makes vectors.
    package init(
        replacing shape: EmbeddingShape, on runtime: TensorRuntime, room: @escaping @Sendable () -> Int,
        open: @escaping @Sendable (_ path: String?, _ format: String?) throws -> EmbeddingLoader
    ) {
        weightByteCount = shape.weightByteCount
        kernels = runtime.kernelName
        spare = runtime.spare
        self.room = room
        self.open = { path, format in
            let loader = try open(path, format)
            try loader.check(against: shape)
            return loader
        }
    }

    package func check(_ path: String?, format: String?) throws(WeightFailure) -> any WeightCandidate {
        do {
            let loader = try open(path, format)
            return ModelCandidate(
                loader: loader, kernels: kernels, byteCount: weightByteCount + loader.largestTensorByteCount,
                spare: spare, room: room)
        } catch {
            throw WeightFailure(error)
        }
    }

    package func giveBack(byteCount: Int) { spare?.giveBack(byteCount) }

    /// What can be taken now: free memory, less what the KV pool, if there is one, has been promised and has not
    /// touched yet.
    package static func room(beside pool: KVPool?) -> Int {
        (SystemMemory()?.available ?? 0) - (pool?.untouchedByteCount ?? 0)
    }
}

private struct ModelCandidate: WeightCandidate {
    let loader: any LoadableModel
    let kernels: String
    /// In memory at the height of loading.
    let byteCount: Int
    /// Of weights of this shape: nearly all of it can be used (what tensors of another type were read into cannot, as
    /// large as the largest of them).
    let spare: SpareMemory?
    let room: @Sendable () -> Int

    /// Beyond the weights themselves: buffers of the loader, and what others may take meanwhile.
    private static let margin = 64 << 20

    var fitsBeside: Bool { byteCount + byteCount / 20 + Self.margin <= room() + (spare?.byteCount ?? 0) }

    func load(pace: () -> Void, progress: (Double) -> Void) throws(WeightFailure) -> any ResidentWeights {
        do {
            // One thread, so that the step's own have the processors; the same kernels, since they fix the packing.
            let runtime = try TensorRuntime(threads: 1, kernels: kernels, spare: spare)
            return try withoutActuallyEscaping(pace) { pace in
                try withoutActuallyEscaping(progress) { progress in
                    try loader.resident(runtime, pace: pace) { done, total in
                        if total > 0 { progress(Double(done) / Double(total)) }
                    }
                }
            }
        } catch {
            throw WeightFailure(error)
        }
    }
}

extension ModelLoader: LoadableModel {
    package func resident(
        _ runtime: TensorRuntime, pace: @escaping () -> Void, progress: @escaping (_ done: Int, _ total: Int) -> Void
    ) throws -> any ResidentWeights {
        LoadedDecoder(try load(runtime, copies: true, progress: progress, pace: pace))
    }
}

extension EmbeddingLoader: LoadableModel {
    package func resident(
        _ runtime: TensorRuntime, pace: @escaping () -> Void, progress: @escaping (_ done: Int, _ total: Int) -> Void
    ) throws -> any ResidentWeights {
        LoadedEmbeddingModel(try load(runtime, copies: true, progress: progress, pace: pace))
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
