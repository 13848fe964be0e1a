import ApusJSON
import ArgumentParser
import NIOConcurrencyHelpers
import NIOHTTP1

/// Loads a server and measures what its clients see. Works against any server that speaks one of the protocols.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-bench", abstract: "Load a server and measure latency and throughput.")

    @Option(help: "Protocol: \(Backend.allCases.map(\.rawValue).joined(separator: ", ")).")
    var backend = Backend.sglang
    @Option(help: "The server, as http://host:port; replaces --host and --port.")
    var baseURL: String?
    @Option var host = "127.0.0.1"
    @Option var port = 30000
    @Option(help: "Model name to send; asked from the server when absent.")
    var model: String?
    @Option(help: "Workload: \(DatasetName.allCases.map(\.rawValue).joined(separator: ", ")).")
    var datasetName = DatasetName.random
    @Option(help: "Requests in all.")
    var numPrompts = 64
    @Option(help: "Prompt tokens of random and multi-turn requests, and behind a shared prefix.")
    var randomInputLen = 256
    @Option(help: "Tokens to generate.")
    var randomOutputLen = 128
    @Option(help: "Lengths are drawn from this share of a length up to it; 1: all equal.")
    var randomRangeRatio = 1.0
    @Option(help: "Groups that share a prefix.")
    var gspNumGroups = 1
    @Option(help: "Prompts of each group; replaces --num-prompts.")
    var gspPromptsPerGroup: Int?
    @Option(help: "Tokens of a shared prefix.")
    var gspSystemPromptLen = 1024
    @Option(help: "Tokens behind a shared prefix; default: --random-input-len.")
    var gspQuestionLen: Int?
    @Option(help: "Tokens to generate behind a shared prefix; default: --random-output-len.")
    var gspOutputLen: Int?
    @Option(help: "Turns of a conversation.")
    var turns = 4
    @Option(help: "Documents of a rerank request.")
    var documents = 8
    @Option(help: "Random token ids stay below this.")
    var vocabSize = 8_000
    @Option(help: "Requests a second, Poisson arrivals (open loop); inf: all at once.")
    var requestRate = Double.infinity
    @Option(help: "Most requests in flight (closed loop when the rate is inf).")
    var maxConcurrency: Int?
    @Option var seed: UInt64 = 1
    @Option(help: "Requests sent before the measured ones.")
    var warmupRequests = 1
    @Option(help: "Seconds after which a request counts as failed.")
    var timeout = 600.0
    @Option(help: "Key sent as a bearer token.")
    var apiKey: String?
    @Option(help: "JSON object merged over each request's body.")
    var extraRequestBody: String?
    @Option(help: "Append the figures to this file, a JSON object a line.")
    var outputFile: String?
    @Option(help: "What apus inspect --machine MODEL --json printed: the report then states the share of the limit.")
    var machineLimits: String?
    @Flag(help: "Show no progress.")
    var disableTqdm = false
    @Flag(help: "Ask for buffered answers.")
    var disableStream = false
    @Flag(help: "Let the model end its answers early.")
    var disableIgnoreEos = false
    @Flag(help: "POST /flush_cache before the measured requests.")
    var flushCache = false
    @Flag(help: "Print the figures as JSON instead of a table.")
    var json = false

    private static let most = 1 << 24

    func validate() throws {
        guard gspNumGroups > 0, gspPromptsPerGroup ?? 1 > 0, gspQuestionLen ?? 1 > 0, gspOutputLen ?? 1 > 0,
            gspSystemPromptLen > 0
        else { throw ValidationError("groups and their lengths must be at least 1") }
        guard numPrompts > 0, randomInputLen > 0, randomOutputLen > 0, turns > 0, vocabSize > 1, documents > 0 else {
            throw ValidationError("counts and lengths must be at least 1")
        }
        guard (0...1).contains(randomRangeRatio) else {
            throw ValidationError("--random-range-ratio must be in [0, 1]")
        }
        guard
            [
                numPrompts, randomInputLen, randomOutputLen, turns, documents, gspNumGroups, gspPromptsPerGroup ?? 1,
                gspSystemPromptLen, gspQuestionLen ?? 1, gspOutputLen ?? 1,
            ].allSatisfy({ $0 <= Self.most })
        else { throw ValidationError("counts and lengths must be at most \(Self.most)") }
        guard machineLimits == nil || backend.generates else {
            throw ValidationError("--machine-limits: limits are those of models that generate")
        }
        guard requestRate > 0, maxConcurrency ?? 1 > 0, timeout > 0 else {
            throw ValidationError("rates, limits and time-outs must be positive")
        }
    }

    func run() async throws {
        let endpoint = try baseURL.map { try Endpoint(url: $0) } ?? Endpoint(host: host, port: port)
        let ceiling = try machineLimits.map { try Ceiling(path: $0) }
        // Better now than when all is measured.
        if let outputFile { try append("", to: outputFile) }
        let client = HTTPClient(endpoint: endpoint, timeout: timeout)
        let runner = Runner(
            client: client, backend: backend, model: await modelName(client), streams: !disableStream,
            ignoresEOS: !disableIgnoreEos, extraBody: try extraBody(), headers: headers)
        let requests = Dataset(
            name: datasetName, count: promptCount, inputLength: inputLength, outputLength: outputLength,
            rangeRatio: randomRangeRatio, groups: gspNumGroups, prefixLength: gspSystemPromptLen, turns: turns,
            documents: backend == .rerank ? documents : 0, vocabulary: vocabSize
        ).requests(seed: seed)

        for request in requests.prefix(warmupRequests) {
            let measured = await runner.measure(request, start: now())
            if let failure = measured.failure { throw HTTPFailure(description: "warm-up failed: \(failure)") }
        }
        if flushCache { _ = try await client.whole(.POST, "/flush_cache?timeout=10", headers: headers) }

        let total = requests.count
        let shown = NIOLockedValueBox(0.0)
        let start = now()
        let measurements = await runner.run(requests, rate: requestRate, concurrency: maxConcurrency, seed: seed) {
            done in
            let draws = shown.withLockedValue { last in
                guard drawsProgress, !disableTqdm, done == total || now() - last > 0.2 else { return false }
                last = now()
                return true
            }
            if draws { printError("\r\(done)/\(total) requests", terminator: done == total ? "\n" : "") }
        }
        let report = Report(
            backend: backend, seconds: now() - start, rate: requestRate, concurrency: maxConcurrency,
            measurements: measurements, ceiling: ceiling)
        let line = String(decoding: JSONValue.object(report.json).serialized, as: UTF8.self)
        print(json ? line : report.table)
        if let outputFile { try append(line + "\n", to: outputFile) }
        if measurements.contains(where: { $0.failure != nil }) { throw ExitCode(1) }
    }

    private var sharesPrefixes: Bool { datasetName == .generatedSharedPrefix }
    private var promptCount: Int {
        sharesPrefixes ? gspPromptsPerGroup.map { $0 * gspNumGroups } ?? numPrompts : numPrompts
    }
    private var inputLength: Int { sharesPrefixes ? gspQuestionLen ?? randomInputLen : randomInputLen }
    private var outputLength: Int { sharesPrefixes ? gspOutputLen ?? randomOutputLen : randomOutputLen }

    private var headers: [(String, String)] {
        apiKey.map { [("authorization", "Bearer \($0)")] } ?? []
    }

    private func extraBody() throws -> JSONObject {
        guard let extraRequestBody else { return [:] }
        guard let object = try JSONValue(parsing: extraRequestBody).objectValue else {
            throw ValidationError("--extra-request-body must be a JSON object")
        }
        return object
    }

    private func modelName(_ client: HTTPClient) async -> String {
        if let model { return model }
        guard let answer = try? await client.whole(.GET, "/v1/models", headers: headers),
            let json = try? JSONValue(parsing: answer.body)
        else { return "default" }
        return json["data"]?[0]?["id"]?.stringValue ?? "default"
    }
}
