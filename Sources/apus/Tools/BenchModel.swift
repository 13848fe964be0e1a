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

    static func quantization(_ name: String?) throws -> Quantization? {
        guard let name else { return nil }
        guard let quantization = Quantization(name: name) else {
            throw Failure(
                "argument --quantization: invalid choice: '\(name)' (choose from w8a8_int8, int4, int4-128)",
                code: Failure.usage)
        }
        return quantization
    }

    static func kvFormat(_ name: String, _ element: ElementType) throws -> KVFormat {
        switch name {
        case "auto": .plain(element)
        case "int8": .int8(arithmetic: element)
        default:
            throw Failure(
                "argument --kv-cache-dtype: invalid choice: '\(name)' (choose from auto, int8)", code: Failure.usage)
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
