import ApusCheckpoint
import ApusConfiguration
import ApusFront
import ApusJSON
import ApusObserve
import ApusText
import ApusWire
import Logging
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Builds the front from the configuration and runs it.
struct FrontRole: Sendable {
    private let role: RoleLaunch
    /// Where model and tokenizer are found.
    private let place: RoleLaunch

    init(_ role: RoleLaunch) {
        self.role = role
        place = role.withModelThere()
    }

    /// Seconds that requests in flight get after SIGTERM.
    static func drainTimeout(_ configuration: ServeConfiguration) -> Double {
        configuration.environment.forcesShutdown ? 0 : 60
    }

    /// Runs the front on threads of its own, and ends the process after it.
    func runToTheEnd() -> Never {
        Task {
            do { try await run() } catch { Failure.end(command: "front", with: error) }
            exit(0)
        }
        while true { pause() }
    }

    private func run() async throws {
        let tokenizer = try Tokenizer(directory: ModelFiles.tokenizerDirectory(place))
        let directory = role.directory
        let context = try ZeroMQContext()
        let (notify, reloading) = (role.notify, role.reloading)
        let secrets = try FrontSecrets(role)
        let front = Front(
            configuration: try configuration(secrets),
            codec: try TokenizerCodec(tokenizer: tokenizer, role.configuration),
            logger: role.logger,
            wake: try WakeSignal(),
            connect: { wake in
                let inbox = try ZeroMQInbox<ToFront>(.front, in: directory, context: context, wake: wake)
                return RingEnds(
                    inbox: inbox,
                    outbox: try ZeroMQOutbox<FrontToScheduler>(to: .scheduler, in: directory, context: context),
                    watch: { inbox.watch($0) }, unwatch: { inbox.unwatch($0) })
            },
            onUp: {
                notify.status("serving")
                reloading.ready()
                notify.alive()
            })
        reloading.onReload { try secrets.reload($0, into: front) }
        if role.configuration.refreshesCertificates { Task { await secrets.watchCertificates() } }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [front], logger: Self.quiet(role.logger)))
        role.ending.onAsk {
            notify.stopping()
            notify.status("finishing the requests in flight")
            Task { await group.triggerGracefulShutdown() }
        }
        // From a task, so that threads which stand still are noticed as well as a ring that does.
        let interval = LifeSign.interval(role)
        let signs = Task {
            while !Task.isCancelled {
                if front.isAlive { reloading.signOfLife() }
                try? await Task.sleep(for: .seconds(interval))
            }
        }
        defer { signs.cancel() }
        do {
            try await group.run()
        } catch {
            throw Self.failure(error, role.configuration)
        }
    }

    private func configuration(_ secrets: FrontSecrets) throws -> FrontConfiguration {
        let given = role.configuration
        let directory = try ModelFiles.modelDirectory(place)
        let model = try ModelIdentity(directory: directory, overrides: given.modelOverrides)
        var front = FrontConfiguration(
            modelPath: given.modelPath ?? "", tokenizerPath: given.tokenizerPath, servedModelName: given.servedModelName
        )
        let sockets = InheritedSockets.take(environment: role.environment)
        front.place = sockets.isEmpty ? .address(host: given.host, port: given.port) : .sockets(sockets)
        front.security = secrets.security
        front.access = secrets.access
        front.modelType = model.modelType
        front.architectures = model.members["architectures"]?.arrayValue?.compactMap(\.stringValue)
        front.embedding = try ModelFiles.embeddingTraits(model, directory: directory, isAsked: given.isEmbedding)
        front.loadFormat = given.loadFormat
        // The reference reports this parser under its newer name.
        front.toolCallParser = given.toolCallParser == "qwen25" ? "qwen" : given.toolCallParser
        front.reasoningParser = given.reasoningParser
        front.grammars.isEnabled = given.allowsGrammars
        front.grammars.whitespace = given.jsonWhitespace
        front.openAI.reportsCache = given.reportsCache
        front.openAI.includesUsage = given.includesUsage
        front.openAI.templateVariables = given.chatTemplateVariables ?? JSONObject()
        front.openAI.contextLength = given.contextLength
        if given.samplingDefaults == "model" {
            front.openAI.samplingDefaults = try GenerationConfiguration(directory: directory).samplingDefaults
        }
        front.preferredSamplingParameters = given.preferredSampling
        front.streamInterval = given.streamInterval
        front.incrementalStreaming = given.streamsIncrementally
        front.allowAutoTruncate = given.truncatesPrompts
        front.isRadixCacheDisabled = given.disablesRadixCache
        front.skipWarmUp = given.skipsWarmup
        front.hiddenStates = given.hiddenStatesMode.map { $0 == "last" ? .last : .full }
        front.serverArguments = given.fields
        front.launchCommand = role.launch.command
        front.version = Version.text
        front.healthGenerates = given.environment.healthEndpointGenerates
        front.healthTimeout = given.environment.healthCheckTimeout
        front.warmUpTimeout = given.environment.warmupTimeout
        front.keepAlive = given.environment.keepAliveTimeout
        front.drainTimeout = Self.drainTimeout(given)
        front.schedulerPatience = given.watchdogTimeout
        try front.observe(given, version: Version.text, logger: role.logger)
        return front
    }

    /// The service group has little to say that the front does not say better.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    /// A port that cannot be had is the commonest mistake, and deserves to be named.
    private static func failure(_ error: any Error, _ configuration: ServeConfiguration) -> Failure {
        let text = "\(error)"
        guard text.contains("bind(") || text.contains("getaddrinfo") || text.contains("SocketAddressError") else {
            return Failure(error)
        }
        return Failure("\(configuration.host):\(configuration.port) cannot be listened on: \(text)", code: 78)
    }
}
