import ApusCheckpoint
import ApusConfiguration
import ApusCore
import ApusEngine
import ApusGrammar
import ApusJSON
import ApusModels
import ApusObserve
import ApusScheduler
import ApusTensor
import ApusText
import ApusWire
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Loads the model, sizes the pool, and runs the scheduler.
struct SchedulerRole {
    private let role: RoleLaunch
    private let epoch = UInt64.random(in: 1 ... .max)
    private var given: ServeConfiguration { role.configuration }

    init(_ role: RoleLaunch) {
        self.role = role
    }

    func run() throws {
        if let loader = try ModelFiles.embeddingLoader(role) {
            return try EmbeddingSchedulerRole(role, loader).run()
        }
        let startedAt = Clocks.monotonic()
        // What can be wrong without reading the weights is found first.
        let launched = try ModelFiles.loader(role)
        try Self.checkContextLength(given, model: launched.configuration.contextLength)
        let plan = try ThreadPlan(threads: given.threads, binding: given.environment.threadBinding)
        let tokenizer = try Tokenizer(directory: ModelFiles.tokenizerDirectory(role))
        let endTokenIDs = [tokenizer.eosTokenID].compactMap(\.self) + tokenizer.additionalStopTokenIDs

        let wake = try WakeSignal()
        let context = try ZeroMQContext()
        let inbox = try ZeroMQInbox<FrontToScheduler>(.scheduler, in: role.directory, context: context, wake: wake)
        let front = try ZeroMQOutbox<SchedulerToFront>(to: .front, in: role.directory, context: context)
        let detokenizer = try ZeroMQOutbox<SchedulerToDetokenizer>(
            to: .detokenizer, in: role.directory, context: context)

        let role = role
        let quantization = launched.quantization
        let open: @Sendable (String?, String?) throws -> ModelLoader = { path, format in
            try ModelFiles.loader(role, path: path, format: format, quantization: quantization)
        }
        let runtime = try TensorRuntime(
            threads: plan.threadCount, cores: plan.processors, placesMemory: plan.nodeCount > 1)
        _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: 0))
        func load(_ loader: ModelLoader) throws -> LoadedModel {
            try LoadedModel(
                loader, endTokenIDs: launched.endTokenIDs, runtime, given, role.logger, open: open
            ) { share in
                _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: share))
                role.report(loaded: share)
            }
        }
        var (record, model) = try resume(from: launched, load)
        var configuration = SchedulerConfiguration(given, epoch: epoch, chunkedPrefillSize: model.chunkedPrefillSize)
        configuration.extraEndTokenIDs = endTokenIDs
        configuration.weightVersion = record.version
        configuration.weightPath = record.path
        configuration.weightFormat = record.format
        configuration.readyDetails =
            model.details(
                given, startupSeconds: Clocks.monotonic() - startedAt
            ).description
        let compilation = GrammarCompiler.compilation(
            given, tokenizer, vocabularySize: model.worker.vocabularySize)
        let scheduler = Scheduler(
            configuration: configuration, worker: model.worker, inbox: inbox, detokenizer: detokenizer, front: front,
            logger: role.logger, library: model.library, compilation: compilation, wake: { wake.wake() })
        model.log(role.logger, given, limits: scheduler.limits)
        let directory = role.directory
        if record.attempts > 0 {
            record.attempts = 0
            record.write(in: directory, logger: role.logger)
        }
        scheduler.onWeights = { [record] path, format, version in
            WeightRecord(model: record.model, path: path, format: format, version: version)
                .write(in: directory, logger: role.logger)
        }

        let heartbeat = try HeartbeatThread(pulse: scheduler.pulse, interval: configuration.heartbeatInterval) {
            try ZeroMQOutbox<SchedulerToFront>(to: .front, in: directory, context: context)
        }
        role.ending.onAsk { wake.wake() }
        role.reloading.ready()
        // The pool's first thread is this one; threads that it started before stay free.
        if let first = plan.processors.first { ThreadIdentity.pin(to: first) }
        var sign = LifeSign(role.notify)
        scheduler.run {
            // Asked between steps, so that a step that never ends is noticed by whoever watches.
            sign.give()
            return role.ending.isAsked
        }
        heartbeat.finish()
        WeightRecord.forget(in: directory)
    }

    /// Loads what a scheduler that died had served, else the launch's model.
    private func resume(
        from launched: ModelLoader, _ load: (ModelLoader) throws -> LoadedModel
    ) throws -> (WeightRecord, LoadedModel) {
        let name = given.modelPath ?? ""
        let start = WeightRecord(model: name, version: given.weightVersion)
        guard let record = WeightRecord.inherited(in: role.directory, model: name, logger: role.logger) else {
            return (start, try load(launched))
        }
        guard let path = record.path else { return (record, try load(launched)) }
        do {
            let loader = try ModelFiles.loader(
                role, path: path, format: record.format, quantization: launched.quantization)
            if let difference = launched.configuration.difference(from: loader.configuration) {
                throw WeightFailure.unfit(reason: difference)
            }
            role.logger.notice("Loading the weights that served before: \(path), version \(record.version)")
            return (record, try load(loader))
        } catch {
            role.logger.error(
                """
                The weights that served before (\(path), version \(record.version)) cannot be loaded again: \(error). \
                The launch's weights serve, as version \(start.version).
                """)
            WeightRecord.forget(in: role.directory)
            return (start, try load(launched))
        }
    }

    static func checkContextLength(_ given: ServeConfiguration, model: Int) throws {
        guard let wanted = given.contextLength, wanted > model, !given.environment.allowsLongerContext else { return }
        throw Failure(
            "argument --context-length: \(wanted) is longer than the model's \(model) "
                + "(SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 allows it)", code: Failure.usage)
    }
}
