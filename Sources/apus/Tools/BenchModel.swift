import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusModels
import ApusTensor

/// What the tools that measure are told of a model.
enum BenchModel {
    static func elementType(_ dtype: String) throws -> ElementType {
        guard let element = ElementType(rawValue: dtype), element != .float16 else {
            throw Failure(
                "argument --dtype: invalid choice: '\(dtype)' (choose from bfloat16, float32)", code: Failure.usage)
        }
        return element
    }

    static func quantization(_ name: String?) throws -> Quantization? { try name.map(scheme) }

    static func scheme(_ name: String) throws -> Quantization {
        guard let quantization = Quantization(name: name) else {
            throw Failure(
                "argument --quantization: invalid choice: '\(name)' (choose from w8a8_int8, int4, int4-32, int4-128)",
                code: Failure.usage)
        }
        return quantization
    }

    static func weights(_ format: String) throws -> ModelLoader.Weights {
        switch format {
        case "auto": .checkpoint
        case "dummy": .random
        default:
            throw Failure(
                "argument --load-format: invalid choice: '\(format)' (choose from auto, dummy)", code: Failure.usage)
        }
    }

    /// `--threads`, with the bounds that the server has.
    static func threads(_ count: Int?) throws -> Int? {
        guard let count, !(1...4096).contains(count) else { return count }
        throw Failure("argument --threads: \(count) is not between 1 and 4096", code: Failure.usage)
    }

    static func kvFormat(_ name: String, _ element: ElementType) throws -> KVFormat {
        switch name {
        case "auto": .plain(element)
        case "bf16", "bfloat16": .plain(.bfloat16)
        case "int8": .int8(arithmetic: element)
        default:
            throw Failure(
                "argument --kv-cache-dtype: invalid choice: '\(name)' (choose from auto, bf16, bfloat16, int8)",
                code: Failure.usage)
        }
    }

    static func cost(
        _ configuration: ModelConfiguration, dtype: String, quantization: String?, kvCacheFormat: String
    ) throws -> StepCost {
        let element = try elementType(dtype)
        return StepCost(
            configuration, elementType: element, quantization: try Self.quantization(quantization),
            kvBytes: KVPool.bytesPerToken(
                layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
                headDimension: configuration.headDimension, format: try kvFormat(kvCacheFormat, element)))
    }
}
