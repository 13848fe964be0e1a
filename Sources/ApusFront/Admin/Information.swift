import ApusJSON
import ApusWire
import Hummingbird

/// `/`, `/get_model_info`, `/get_server_info` and their other names.
struct InformationRoutes: Sendable {
    let service: FrontService

    /// Seconds for the scheduler's report; what the last heartbeat said stands in for it.
    private static let reportTimeout = 2.0
    private static let redacted: JSONValue = "********"

    func add(to table: inout RouteTable) {
        table.add("/", methods: [.get, .head], about: RouteDocument("That something is here")) { _ throws(FrontError) in
            .json("SGLang is running")
        }
        table.add("/get_model_info", methods: [.get], about: RouteDocument("What is served, in nine members")) {
            _ throws(FrontError) in .json(.object(modelInfo()))
        }
        table.add("/model_info", methods: [.get], about: RouteDocument("What is served")) { _ throws(FrontError) in
            .json(.object(extendedModelInfo()))
        }
        table.add(
            "/get_server_info", "/server_info", methods: [.get],
            about: RouteDocument("Launch arguments, sizes and state of the server")
        ) { _ throws(FrontError) in
            .json(.object(try await serverInfo()))
        }
    }

    // MARK: Model

    /// Exactly the nine keys that the published client asserts.
    private func modelInfo() -> JSONObject {
        let configuration = service.configuration
        return [
            "model_path": .string(service.modelPath),
            "tokenizer_path": .string(configuration.tokenizerPath),
            "is_generation": .bool(!configuration.isEmbedding),
            "preferred_sampling_params": configuration.preferredSamplingParameters.map { .object($0) } ?? .null,
            "weight_version": .string(weightVersion),
            "has_image_understanding": false,
            "has_audio_understanding": false,
            "model_type": JSONValue(configuration.modelType),
            "architectures": configuration.architectures.map { .array($0.map { .string($0) }) } ?? .null,
        ]
    }

    private func extendedModelInfo() -> JSONObject {
        var info = modelInfo()
        info["served_model_name"] = .string(service.servedModelName)
        info["load_format"] = .string(service.configuration.loadFormat)
        info["reasoning_parser"] = JSONValue(service.configuration.reasoningParser)
        info["tool_call_parser"] = JSONValue(service.configuration.toolCallParser)
        info["disaggregation_mode"] = "null"
        return info
    }

    private var weightVersion: String {
        service.monitor.ring.ready?.weightVersion
            ?? service.configuration.serverArguments["weight_version"]?.stringValue ?? "default"
    }

    // MARK: Server

    private func serverInfo() async throws(FrontError) -> JSONObject {
        let ready = try service.scheduler()
        let report = await service.monitor.report(within: Self.reportTimeout) { call in
            service.ring.post(.state(call: call))
        }
        let facts = Self.object(ready.details)
        var arguments = redactedArguments()
        for fact in facts where !["memory_usage", "startup_time"].contains(fact.key) {
            arguments[fact.key] = fact.value
        }
        arguments["weight_version"] = .string(ready.weightVersion)
        arguments["model_path"] = .string(service.modelPath)
        arguments["served_model_name"] = .string(service.servedModelName)

        var info = arguments
        info["launch_command"] = .string(redact(service.configuration.launchCommand))
        info["status"] = "ready"
        info["max_total_num_tokens"] = JSONValue(ready.maxTotalTokens)
        info["max_req_input_len"] = JSONValue(ready.maxRequestInputLength)
        info["startup_time"] = facts["startup_time"] ?? [:]
        info["kv_events"] = .null
        info["version"] = .string(service.configuration.version)
        info["internal_states"] = [.object(internalState(arguments, ready, facts, report))]
        return info
    }

    private func internalState(
        _ arguments: JSONObject, _ ready: SchedulerReady, _ facts: JSONObject, _ report: SchedulerState?
    ) -> JSONObject {
        var state = arguments
        state["world_size"] = 1
        state["effective_max_running_requests_per_dp"] = JSONValue(ready.maxRunningRequests)
        var memory = facts["memory_usage"]?.objectValue ?? JSONObject()
        memory["token_capacity"] = JSONValue(ready.maxTotalTokens)
        memory["token_capacity_swa"] = .null
        memory["graph"] = [:]
        state["memory_usage"] = .object(memory)
        state["last_gen_throughput"] = 0.0
        if let load = report?.load ?? service.monitor.ring.load {
            state["last_gen_throughput"] = .double(load.generationThroughput)
            state["num_running_reqs"] = JSONValue(load.running)
            state["num_queue_reqs"] = JSONValue(load.queued)
            state["kv_free_tokens"] = JSONValue(load.freeTokens)
            state["kv_cached_tokens"] = JSONValue(load.cachedTokens)
            state["kv_held_tokens"] = JSONValue(load.heldTokens)
        }
        for fact in report.map({ Self.object($0.details) }) ?? JSONObject() { state[fact.key] = fact.value }
        return state
    }

    private static func object(_ text: String) -> JSONObject {
        (try? JSONValue(parsing: text))?.objectValue ?? JSONObject()
    }

    // MARK: Secrets

    /// The arguments without keys and passwords: whoever may read them need not be allowed to use them.
    private func redactedArguments() -> JSONObject {
        var arguments = service.configuration.serverArguments
        for member in arguments where Self.isSecret(member.key) && member.value.stringValue != nil {
            arguments[member.key] = Self.redacted
        }
        return arguments
    }

    private static func isSecret(_ name: String) -> Bool {
        name.hasSuffix("api_key") || name.hasSuffix("password") || name.hasSuffix("token")
    }

    private func redact(_ command: String) -> String {
        let access = service.settings.current
        let keys = [access.apiKey, access.adminAPIKey]
        let passwords = service.configuration.serverArguments.filter { Self.isSecret($0.key) }.map(\.value.stringValue)
        return (keys + passwords).compactMap { $0 }.filter { !$0.isEmpty }.reduce(command) { command, secret in
            command.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "********")
        }
    }
}
