import ApusCheckpoint
import ApusConfiguration
import ApusCore
import ApusEngine
import ApusJSON
import ApusModels
import ApusObserve
import ApusScheduler
import ApusTensor
import Logging

/// A model in memory with its KV pool, and what is worth telling about both.
struct LoadedModel {
    let worker: ModelRunner
    /// What may take the model's place.
    let library: ModelLibrary
    let elementType: ElementType
    private let weights: WeightSummary
    /// nil: prompts are not cut.
    let chunkedPrefillSize: Int?
    private let kvFormat: KVFormat
    private let budget: MemoryBudget
    private let runtime: TensorRuntime
    private let availableAtStart: Int
    private let loadSeconds: Double
    private let poolSeconds: Double

    /// - Parameters:
    ///   - endTokenIDs: those of the launch's model, whichever of its like is loaded.
    ///   - open: finds and checks another model.
    ///   - onProgress: share of the weights that is read, now and then, on this thread.
    init(
        _ loader: ModelLoader, endTokenIDs: [Int32], _ runtime: TensorRuntime, _ given: ServeConfiguration,
        _ logger: Logger,
        open: @escaping @Sendable (_ path: String?, _ format: String?) throws -> ModelLoader,
        onProgress: @escaping (Double) -> Void
    ) throws {
        let before = try Self.memory()
        try MemoryBudget.check(weights: loader.weightByteCount, in: before)
        let startedAt = Clocks.monotonic()
        let bar = LoadProgress.standardError(title: "Loading weights", logger: logger)
        var reportedAt = 0.0
        let decoder = try loader.load(runtime) { done, total in
            guard total > 0 else { return }
            let share = Double(done) / Double(total)
            bar.update(share)
            let now = Clocks.monotonic()
            if now - reportedAt >= 0.2 {
                reportedAt = now
                onProgress(share)
            }
        }
        loadSeconds = Clocks.monotonic() - startedAt

        let after = try Self.memory()
        let configuration = loader.configuration
        chunkedPrefillSize = Self.chunkedPrefillSize(given, capacity: before.capacity)
        kvFormat = Self.kvFormat(given.kvCacheFormat, elementType: loader.elementType)
        budget = try MemoryBudget(
            before: before, after: after,
            bytesPerToken: KVPool.bytesPerToken(
                layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
                headDimension: configuration.headDimension, format: kvFormat),
            fraction: given.memoryFraction, chunkedPrefillSize: chunkedPrefillSize ?? given.maxPrefillTokens,
            maxTotalTokens: min(given.maxTotalTokens ?? .max, Self.usefulTokens(configuration, given)),
            pageSize: given.pageSize)
        let poolStartedAt = Clocks.monotonic()
        var sampling = Sampler.Options()
        sampling.ignoresTemperatureInLogprobs = given.environment.returnsOriginalLogprobs
        sampling.sanitizes = given.environment.sanitizesLogits
        worker = try ModelRunner(
            decoder, endTokenIDs: endTokenIDs, slotCount: budget.tokenCount, contextLength: given.contextLength,
            kvFormat: kvFormat, sampling: sampling)
        poolSeconds = Clocks.monotonic() - poolStartedAt
        let pool = worker.pool
        library = ModelLibrary(replacing: decoder, room: { ModelLibrary.room(beside: pool) }, open: open)
        elementType = loader.elementType
        weights = WeightSummary(
            WeightReport(decoder.catalog, runtime), quantization: loader.quantization, kernels: runtime.kernelName)
        availableAtStart = before.available
        self.runtime = runtime
    }

    /// The lines that tools look for, and those that say which path the arithmetic takes.
    func log(_ logger: Logger, _ given: ServeConfiguration, limits: Limits) {
        let arithmetic = runtime.arithmetic(of: PackedWeight.Format(elementType))
        logger.info("Kernels: \(runtime.kernelName), \(arithmetic), dtype \(elementType.rawValue)")
        weights.log(logger)
        logger.info(
            "KV cache: \(kvNumbers), attention in \(kvFormat.arithmetic.rawValue), \(kvArithmetic), \(Self.kvPlanes)")
        logger.info("Threads: \(runtime.pool.threadCount)")
        logger.info("\(budget.summary)")
        let chunk = chunkedPrefillSize ?? -1
        logger.info(
            """
            max_total_num_tokens=\(limits.capacity), chunked_prefill_size=\(chunk), \
            max_prefill_tokens=\(given.maxPrefillTokens), max_running_requests=\(limits.maxRunningRequests), \
            context_len=\(limits.contextLength), available_gpu_mem=\(MemoryBudget.gigabytes(budget.remaining)) GB
            """)
    }

    private var kvNumbers: String { kvFormat.isInt8 ? "int8" : kvFormat.arithmetic.rawValue }
    /// What multiplies queries with keys and values.
    private var kvArithmetic: String { runtime.arithmetic(of: PackedWeight.Format(kvFormat.arithmetic)) }
    private static let kvPlanes = "planes [heads][tokens][numbers]"

    /// Facts for `/get_server_info`.
    func details(_ given: ServeConfiguration, startupSeconds: Double) -> JSONValue {
        let startup: JSONObject = [
            "load_weight": .double(loadSeconds), "kv_cache_allocation": .double(poolSeconds),
            "scheduler_e2e": .double(startupSeconds),
        ]
        let memory: JSONObject = [
            "weight": Self.gigabytes(weights.byteCount),
            "kvcache": Self.gigabytes(budget.tokenCount * budget.bytesPerToken),
            "startup_available": Self.gigabytes(availableAtStart),
        ]
        return [
            "dtype": .string(elementType.rawValue),
            "mem_fraction_static": .double(budget.fraction),
            "chunked_prefill_size": JSONValue(chunkedPrefillSize ?? -1),
            "threads": JSONValue(runtime.pool.threadCount),
            "kernels": .string(runtime.kernelName),
            "arithmetic": .string(runtime.arithmetic(of: PackedWeight.Format(elementType))),
            "quantization": weights.quantization,
            "weights": weights.json,
            "kv_cache": [
                "dtype": .string(kvNumbers), "attention": .string(kvFormat.arithmetic.rawValue),
                "kernels": .string(runtime.kernelName), "arithmetic": .string(kvArithmetic),
                "packing": .string(Self.kvPlanes), "bytes_per_token": JSONValue(budget.bytesPerToken),
            ],
            "memory_usage": .object(memory),
            "startup_time": .object(startup),
        ]
    }

    private static func gigabytes(_ bytes: Int) -> JSONValue {
        .double((Double(bytes) / Double(1 << 30) * 1000).rounded() / 1000)
    }

    /// `--kv-cache-dtype`.
    private static func kvFormat(_ name: String, elementType: ElementType) -> KVFormat {
        switch name {
        case "int8": .int8(arithmetic: elementType)
        case "bf16", "bfloat16": .plain(.bfloat16)
        default: .plain(elementType)
        }
    }

    static func chunkedPrefillSize(_ given: ServeConfiguration, capacity: Int) -> Int? {
        guard let size = given.chunkedPrefillSize else {
            // A page is never cut.
            let size = MemoryBudget.chunkedPrefillSize(capacity: capacity)
            return max(given.pageSize, size / given.pageSize * given.pageSize)
        }
        return size == -1 ? nil : size
    }

    /// More than every request that can run at once, each as long as can be, is not worth keeping books of: a toy of a
    /// model would get a pool of a hundred million tokens.
    private static func usefulTokens(_ model: ModelConfiguration, _ given: ServeConfiguration) -> Int {
        max(4096, given.maxRunningRequests ?? 0) * min(given.contextLength ?? .max, model.contextLength)
    }

    static func memory() throws -> SystemMemory {
        guard let memory = SystemMemory() else {
            throw Failure(
                "neither /proc/meminfo nor a control group says how much memory there is", code: Failure.configuration)
        }
        return memory
    }
}
