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
    private let first: FirstWeights
    private let epoch = UInt64.random(in: 1 ... .max)
    private var given: ServeConfiguration { role.configuration }

    init(_ role: RoleLaunch) {
        first = FirstWeights(role)
        self.role = first.role
    }

    func run() throws {
        if let loader = try ModelFiles.embeddingLoader(role) {
            return try EmbeddingSchedulerRole(first, loader).run()
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
        let tokenizers = try TokenizerWatch(role)
        let open: @Sendable (String?, String?) throws -> ModelLoader = { path, format in
            let loader = try ModelFiles.loader(role, path: path, format: format, quantization: quantization)
            tokenizers.look(at: path)
            return loader
        }
        let runtime = try TensorRuntime(
            threads: plan.threadCount, cores: plan.processors, placesMemory: plan.nodeCount > 1,
            spare: SpareMemory())
        _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: 0))
        func load(_ loader: ModelLoader) throws -> LoadedModel {
            try LoadedModel(
                loader, endTokenIDs: launched.endTokenIDs, runtime, given, role.logger, open: open
            ) { share in
                _ = front.send(.loading(schedulerEpoch: epoch, processID: getpid(), share: share))
                role.report(loaded: share)
            }
        }
        let (record, model) = try first.load {
            try load(launched)
        } update: { path, format in
            let loader = try open(path, format)
            if let difference = launched.configuration.difference(from: loader.configuration) {
                throw WeightFailure.unfit(reason: difference)
            }
            return try load(loader)
        }
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
        scheduler.onWeights = first.serving(record)

        let heartbeat = try HeartbeatThread(pulse: scheduler.pulse, interval: configuration.heartbeatInterval) {
            try ZeroMQOutbox<SchedulerToFront>(to: .front, in: directory, context: context)
        }
        role.ending.onAsk { wake.wake() }
        role.reloading.ready()
        // The pool's first thread is this one; threads that it started before stay free.
        if let first = plan.processors.first { ThreadIdentity.pin(to: first) }
        var sign = LifeSign(role)
        scheduler.run {
            // Asked between steps, so that a step that never ends is noticed by whoever watches.
            sign.give()
            return role.ending.isAsked
        }
        heartbeat.finish()
        WeightRecord.forget(in: directory)
    }

    static func checkContextLength(_ given: ServeConfiguration, model: Int) throws {
        guard let wanted = given.contextLength, wanted > model, !given.environment.allowsLongerContext else { return }
        throw Failure(
            "argument --context-length: \(wanted) is longer than the model's \(model) "
                + "(SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 allows it)", code: Failure.usage)
    }
}
