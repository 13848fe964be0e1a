package import ApusCheckpoint
import ApusCore
import ApusJSON
package import ApusTensor

/// How the compressed-tensors library lays out a quantised projection (version 0.8 and later).
///
/// W8A8: `weight` I8 [outputs, inputs], `weight_scale` F32 [outputs, 1]. W4A16: `weight_packed` I32 [outputs, inputs / 8],
/// eight numbers in a word, the first lowest, each 8 too large; `weight_scale` BF16 [outputs, inputs / group];
/// `weight_shape` I64 [2].
struct QuantizedLayout {
    private let scheme: Quantization

    init(_ scheme: Quantization) {
        self.scheme = scheme
    }

    private var format: PackedWeight.Format { scheme.format }

    /// - Throws: `ModelError.unfitQuantization` when inputs are not whole groups.
    func announcements(
        of name: String, outputs: Int, inputs: Int
    ) throws(ModelError) -> [SafetensorsWriter.Announcement] {
        switch scheme {
        case .w8a8Int8:
            return [
                .init(name: name, typeName: "I8", shape: [outputs, inputs]),
                .init(name: "\(name)_scale", typeName: "F32", shape: [outputs, 1]),
            ]
        case .int4(let groupSize):
            guard inputs.isMultiple(of: groupSize) else {
                throw .unfitQuantization(reason: "\(name): \(inputs) inputs are not whole groups of \(groupSize)")
            }
            return [
                .init(name: "\(name)_packed", typeName: "I32", shape: [outputs, inputs / 8]),
                .init(name: "\(name)_scale", typeName: "BF16", shape: [outputs, inputs / groupSize]),
                .init(name: "\(name)_shape", typeName: "I64", shape: [2]),
            ]
        }
    }

    /// The bytes of the tensors that `announcements` names.
    func quantised(_ source: TensorSource, _ runtime: TensorRuntime) throws -> [[UInt8]] {
        let outputs = source.shape[0], inputs = source.shape[1]
        var builder = PackedWeight.Builder(inputs: inputs, format: format)
        guard let base = source.bytes.baseAddress else { preconditionFailure("\(source.name) is empty") }
        builder.append(
            PackedWeight.Source(base: base, element: source.elementType, outputs: outputs, rowStride: inputs))
        let packed = try builder.build(runtime)
        switch scheme {
        case .w8a8Int8:
            return Self.fill(outputs, widths: [inputs, 4], runtime) { row, parts in
                let (bytes, scales) = packed.rounded(row)
                parts[0].copyBytes(from: bytes)
                parts[1].storeBytes(of: scales[0].bitPattern.littleEndian, as: UInt32.self)
            }
        case .int4(let groupSize):
            let shape = [outputs, inputs].flatMap { extent in
                withUnsafeBytes(of: Int64(extent).littleEndian) { Array($0) }
            }
            let parts = Self.fill(outputs, widths: [inputs / 2, inputs / groupSize * 2], runtime) { row, parts in
                let (codes, scales) = packed.rounded(row)
                for k in 0..<inputs / 2 { parts[0][k] = codes[2 * k] | codes[2 * k + 1] << 4 }
                for (group, scale) in scales.enumerated() {
                    // They were rounded to bfloat16 when they were chosen.
                    let half = UInt16(scale.bitPattern >> 16).littleEndian
                    parts[1].storeBytes(of: half, toByteOffset: group * 2, as: UInt16.self)
                }
            }
            return parts + [shape]
        }
    }

    /// Rows of several tensors, written by all threads.
    private static func fill(
        _ rows: Int, widths: [Int], _ runtime: TensorRuntime,
        _ write: (_ row: Int, _ parts: [UnsafeMutableRawBufferPointer]) -> Void
    ) -> [[UInt8]] {
        let buffers = widths.map { UnsafeMutableRawBufferPointer.allocate(byteCount: rows * $0, alignment: 16) }
        defer { for buffer in buffers { buffer.deallocate() } }
        runtime.pool.run(count: rows) { row, _ in
            write(
                row,
                zip(buffers, widths).map {
                    UnsafeMutableRawBufferPointer(rebasing: $0[row * $1..<(row + 1) * $1])
                })
        }
        return buffers.map { Array($0) }
    }

    /// `quantization_config`.
    func configuration(ignored: [String]) -> JSONValue {
        let format: JSONValue
        let weights: JSONObject
        let activations: JSONValue
        switch scheme {
        case .w8a8Int8:
            format = "int-quantized"
            weights = ["num_bits": 8, "strategy": "channel", "group_size": .null]
            activations = [
                "num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "group_size": .null,
                "dynamic": true,
            ]
        case .int4(let groupSize):
            format = "pack-quantized"
            weights = ["num_bits": 4, "strategy": "group", "group_size": JSONValue(groupSize)]
            activations = .null
        }
        var all: JSONObject = ["type": "int", "symmetric": true, "dynamic": false]
        for member in weights { all[member.key] = member.value }
        let group: JSONValue = [
            "targets": ["Linear"], "weights": .object(all), "input_activations": activations,
            "output_activations": .null,
        ]
        return [
            "quant_method": "compressed-tensors", "format": format, "quantization_status": "compressed",
            "config_groups": ["group_0": group], "ignore": .array(ignored.map { .string($0) }),
            "kv_cache_scheme": .null,
        ]
    }
}

extension PackedWeight {
    /// `codes` of a weight that is known to be quantised.
    fileprivate func rounded(_ column: Int) -> (bytes: [UInt8], scales: [Float]) {
        guard let codes = codes(column: column) else { preconditionFailure("\(format) has no codes") }
        return codes
    }
}

extension Quantization {
    /// What projections are packed as.
    package var format: PackedWeight.Format {
        switch self {
        case .w8a8Int8: .int8
        case .int4(let groupSize): .int4(groupSize: groupSize)
        }
    }
}
