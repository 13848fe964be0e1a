import ApusConfiguration
import ApusCore
import ApusEngine
import ApusJSON
import ApusModels
import ApusObserve
import ApusScheduler
import ApusTensor
import ApusWire
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Loads a model that makes vectors, and runs its scheduler.
struct EmbeddingSchedulerRole {
    private let role: RoleLaunch
    private let first: FirstWeights
    /// Of the launch's model.
    private let loader: EmbeddingLoader
    private let epoch = UInt64.random(in: 1 ... .max)
    private var given: ServeConfiguration { role.configuration }

    init(_ first: FirstWeights, _ loader: EmbeddingLoader) {
        self.first = first
        role = first.role
        self.loader = loader
    }

    func run() throws {
        let startedAt = Clocks.monotonic()
        try SchedulerRole.checkContextLength(given, model: loader.contextLength)
        let plan = try ThreadPlan(threads: given.threads, binding: given.environment.threadBinding)
        let wake = try WakeSignal()
        let context = try ZeroMQContext()
        let inbox = try ZeroMQInbox<FrontToScheduler>(.scheduler, in: role.directory, context: context, wake: wake)
        let front = try ZeroMQOutbox<SchedulerToFront>(to: .front, in: role.directory, context: context)
        let runtime = try TensorRuntime(
            threads: plan.threadCount, cores: plan.processors, placesMemory: plan.nodeCount > 1,
            spare: SpareMemory())
        _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: 0))

        let before = try LoadedModel.memory()
        func load(_ loader: EmbeddingLoader) throws -> EmbeddingModel {
            try self.load(loader, runtime) { share in
                _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: share))
                role.report(loaded: share)
            }
        }
        let (record, model) = try first.load {
            try load(loader)
        } update: { path, format in
            let found = try Self.open(role, path, format, like: loader)
            try found.check(against: EmbeddingShape(loader, weightByteCount: 0))
            return try load(found)
        }
        let loadSeconds = Clocks.monotonic() - startedAt
        let after = try LoadedModel.memory()
        let chunk = LoadedModel.chunkedPrefillSize(given, capacity: before.capacity)
        let worker = try EmbeddingRunner(
            model, tokenCapacity: try tokenCapacity(before: before, after: after, chunk: chunk),
            contextLength: given.contextLength, pieceSize: chunk ?? given.maxPrefillTokens)

        var configuration = SchedulerConfiguration(given, epoch: epoch, chunkedPrefillSize: chunk)
        configuration.weightVersion = record.version
        configuration.weightPath = record.path
        configuration.weightFormat = record.format
        configuration.readyDetails =
            details(
                model, loadSeconds: loadSeconds,
                startupSeconds: Clocks.monotonic() - startedAt
            ).description
        let scheduler = EmbeddingScheduler(
            configuration: configuration, worker: worker, inbox: inbox, front: front, logger: role.logger,
            library: try library(model, worker.pool), wake: { wake.wake() })
        log(model, scheduler.limits, chunk: chunk)

        let directory = role.directory
        scheduler.onWeights = first.serving(record)
        let heartbeat = try HeartbeatThread(pulse: scheduler.pulse, interval: configuration.heartbeatInterval) {
            try ZeroMQOutbox<SchedulerToFront>(to: .front, in: directory, context: context)
        }
        role.ending.onAsk { wake.wake() }
        role.reloading.ready()
        var sign = LifeSign(role)
        scheduler.run {
            sign.give()
            return role.ending.isAsked
        }
        heartbeat.finish()
        WeightRecord.forget(in: directory)
    }

    /// What may take the model's place.
    private func library(_ model: EmbeddingModel, _ pool: KVPool?) throws -> ModelLibrary {
        let (role, loader, tokenizers) = (role, loader, try TokenizerWatch(role))
        return ModelLibrary(
            replacing: EmbeddingShape(loader, weightByteCount: model.weightByteCount),
            on: model.runtime, room: { ModelLibrary.room(beside: pool) }
        ) { path, format in
            let found = try Self.open(role, path, format, like: loader)
            tokenizers.look(at: path)
            return found
        }
    }

    /// Another model, checked by itself.
    private static func open(
        _ role: RoleLaunch, _ path: String?, _ format: String?, like model: EmbeddingLoader
    ) throws -> EmbeddingLoader {
        let found = try ModelFiles.embeddingLoader(
            role, path: path, format: format, quantization: model.quantization)
        guard let found else { throw WeightFailure.unfit(reason: "it is a model that generates") }
        return found
    }

    private func load(
        _ loader: EmbeddingLoader, _ runtime: TensorRuntime, onProgress: @escaping (Double) -> Void
    ) throws -> EmbeddingModel {
        let bar = LoadProgress.standardError(title: "Loading weights", logger: role.logger)
        var reportedAt = 0.0
        return try loader.load(runtime) { done, total in
            guard total > 0 else { return }
            let share = Double(done) / Double(total)
            bar.update(share)
            let now = Clocks.monotonic()
            if now - reportedAt >= 0.2 {
                reportedAt = now
                onProgress(share)
            }
        }
    }

    /// Most tokens of a batch: what a text can have, or a step; a decoder's must find room for their keys and values.
    private func tokenCapacity(before: SystemMemory, after: SystemMemory, chunk: Int?) throws -> Int {
        let longest = min(given.contextLength ?? .max, loader.contextLength)
        let wanted = min(given.maxTotalTokens ?? .max, max(longest, chunk ?? 0, given.maxPrefillTokens))
        guard let bytesPerToken = loader.bytesPerToken else { return wanted }
        return try MemoryBudget(
            before: before, after: after, bytesPerToken: bytesPerToken, fraction: given.memoryFraction,
            chunkedPrefillSize: chunk ?? given.maxPrefillTokens, maxTotalTokens: wanted
        ).tokenCount
    }

    private func summary(of model: EmbeddingModel) -> WeightSummary {
        WeightSummary(
            WeightReport(model.catalog, model.runtime), quantization: model.quantization,
            kernels: model.runtime.kernelName)
    }

    private func log(_ model: EmbeddingModel, _ limits: Limits, chunk: Int?) {
        let arithmetic = model.runtime.arithmetic(of: PackedWeight.Format(model.elementType))
        role.logger.info("Kernels: \(model.runtime.kernelName), \(arithmetic), dtype \(model.elementType.rawValue)")
        summary(of: model).log(role.logger)
        role.logger.info("Threads: \(model.runtime.pool.threadCount)")
        role.logger.info(
            "Embedding model: pooling \(model.pooling), \(model.normalizes ? "normalised" : "not normalised")")
        role.logger.info(
            """
            max_total_num_tokens=\(limits.capacity), chunked_prefill_size=\(chunk ?? -1), \
            max_prefill_tokens=\(given.maxPrefillTokens), max_running_requests=\(limits.maxRunningRequests), \
            context_len=\(limits.contextLength)
            """)
    }

    private func details(
        _ model: EmbeddingModel, loadSeconds: Double, startupSeconds: Double
    ) -> JSONValue {
        let summary = summary(of: model)
        let gigabytes = (Double(summary.byteCount) / Double(1 << 30) * 1000).rounded() / 1000
        return [
            "dtype": .string(model.elementType.rawValue),
            "threads": JSONValue(model.runtime.pool.threadCount),
            "kernels": .string(model.runtime.kernelName),
            "arithmetic": .string(model.runtime.arithmetic(of: PackedWeight.Format(model.elementType))),
            "quantization": summary.quantization,
            "weights": summary.json,
            "memory_usage": ["weight": .double(gigabytes)],
            "startup_time": ["load_weight": .double(loadSeconds), "scheduler_e2e": .double(startupSeconds)],
        ]
    }
}
