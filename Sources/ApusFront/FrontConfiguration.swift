package import ApusJSON
package import ApusObserve
package import ApusWire

/// Everything that the front is told at launch; resolved before, never changed.
package struct FrontConfiguration: Sendable {
    package var place = ListeningPlace.address(host: "127.0.0.1", port: 30000)
    /// nil: plain HTTP.
    package var security: TransportSecurity?

    /// Paths and names as given on the command line: reported verbatim.
    package var modelPath: String
    package var tokenizerPath: String
    package var servedModelName: String
    package var modelType: String?
    package var architectures: [String]?
    /// The model answers `/encode` and its kin instead of `/generate`.
    package var isEmbedding: Bool { embedding != nil }
    package var embedding: EmbeddingTraits?
    package var loadFormat = "auto"
    package var reasoningParser: String?
    package var toolCallParser: String?

    /// What the launch says about OpenAI-style routes.
    package var openAI = OpenAIOptions()

    /// Keys and access log at the start.
    package var access = AccessSettings()

    /// Defaults of `sampling_params` on `/generate`, under the request's own keys.
    package var preferredSamplingParameters: JSONObject?
    /// Tokens between two chunks of a stream, at least 1.
    package var streamInterval = 1
    /// Chunks of `/generate` carry what is new instead of everything so far.
    package var incrementalStreaming = false
    /// Prompts that are too long lose their end instead of being refused.
    package var allowAutoTruncate = false
    /// Hidden states that requests may ask for; nil: none.
    package var hiddenStates: HiddenRequest?
    /// What the launch says about constrained output.
    package var grammars = GrammarOptions()
    /// Timing keys in `meta_info`.
    package var enableMetrics = false
    package var metrics = MetricsOptions()
    /// Where spans go; nil: nobody traces.
    package var traces: TraceExporter?
    /// Seconds from which on a request is worth a line; nil: none is.
    package var slowRequestSeconds: Double?
    /// Each request's times are logged.
    package var logsRequestTimes = false
    package var isRadixCacheDisabled = false
    package var skipWarmUp = false

    /// Every launch argument under its snake_case name, for `/get_server_info`; keys are redacted by the front.
    package var serverArguments = JSONObject()
    package var launchCommand = ""
    package var version = "0"

    /// `/health` runs a request through the ring; without it, it only looks at the state.
    package var healthGenerates = true
    /// Seconds until a health check without any sign of the scheduler is 503.
    package var healthTimeout = 20.0
    package var warmUpTimeout = 600.0
    /// Seconds that a connection may idle between two requests.
    package var keepAlive = 5.0
    /// Bytes of one request body; a longer one is 413 before it is parsed.
    package var bodyLimit = 64 << 20
    /// Bytes of all request bodies in memory at one time; beyond it 503.
    package var bodyBudget = 512 << 20
    /// Seconds in which a request body must have arrived.
    package var bodyTimeout = 60.0
    /// Seconds that requests in flight get after the signal to end.
    package var drainTimeout = 60.0
    /// Seconds after the signal in which new requests are taken: until then balancers have seen that we are not ready.
    package var drainGrace = 5.0
    /// Seconds that requests wait for a detokenizer that died or fell silent.
    package var detokenizerPatience = 30.0
    /// Seconds that the check of a grammar may take; what takes longer is left to the scheduler.
    package var grammarPatience = 0.25
    /// Seconds of silence after which a scheduler whose process still exists counts as lost.
    package var schedulerPatience = 300.0
    /// Requests in flight, samples of a batch counted one by one; beyond it 503.
    package var maximumInFlight = 16_384
    /// Most samples (prompts times n) of one request.
    package var maximumBatch = 4_096

    /// Takes lines about requests.
    package var requestLog = RequestLog(level: .excerpts, format: .text, isOn: false) { _ in }

    package init(modelPath: String, tokenizerPath: String? = nil, servedModelName: String? = nil) {
        self.modelPath = modelPath
        self.tokenizerPath = tokenizerPath ?? modelPath
        self.servedModelName = servedModelName ?? modelPath
    }
}
