import ApusCheckpoint
import ApusCore
import ApusTensor

/// Weights that are multiplied, and in which numbers.
extension WeightLoader {
    /// A projection as its checkpoint has it: `name.weight`, or under the names that the compressed-tensors library gives
    /// to quantised ones.
    private enum Stored {
        case plain
        /// `weight`, I8 [outputs, inputs], and `weight_scale` [outputs, 1].
        case int8
        /// `weight_packed`, I32 [outputs, inputs / 8], and `weight_scale` [outputs, inputs / group].
        case int4
    }

    /// The outputs of several projections of one input as one packed weight.
    func packed(
        _ projections: [(name: String, outputs: Int)], inputs: Int, bias: Bool,
        arrangement: PackedWeight.Arrangement, as kind: WeightKind = .projection
    ) throws -> PackedWeight {
        let stored = projections.map { self.stored($0.name) }
        guard let first = stored.first, stored.allSatisfy({ $0 == first }) else {
            let names = projections.map(\.name).joined(separator: ", ")
            throw ModelError.unfitQuantization(reason: "\(names) are not quantised alike")
        }
        let format = try format(of: kind, stored: first, named: projections[0].name)
        var builder = PackedWeight.Builder(inputs: inputs, format: format, arrangement: arrangement)
        var tensors: [WeightTensor] = []
        for (name, outputs) in projections {
            catalog.note(name, isFor: kind)
            let weight = try take(first, name, outputs: outputs, inputs: inputs, into: &tensors)
            let vector = bias ? try take("\(name).bias", shape: [outputs]) : nil
            guard let weight else { continue }
            var biasSource: PackedWeight.Source?
            if let vector, let element = vector.element {
                tensors.append(vector)
                biasSource = PackedWeight.Source(base: vector.base, element: element, outputs: outputs, rowStride: 1)
            }
            builder.append(weight, bias: biasSource)
        }
        guard purpose == .load else {
            let empty = PackedWeight(
                outputs: projections.reduce(0) { $0 + $1.outputs }, inputs: inputs, format: format,
                arrangement: arrangement)
            catalog.add(kind, format: format, byteCount: empty.byteCount)
            return empty
        }
        let packed = try withExtendedLifetime(tensors) {
            try builder.build(runtime, pieceByteCount: pieceByteCount) { [pace] outputs in
                pace?()
                // One projection alone may be an embedding table, the larger part of a small model.
                if projections.count == 1 { tensors[0].discard(outputs * tensors[0].rowByteCount) }
            }
        }
        for tensor in tensors { finished(tensor) }
        catalog.add(kind, format: format, byteCount: packed.byteCount)
        var start = 0
        for (part, (name, outputs)) in projections.enumerated() {
            catalog.note(
                "\(name).weight", shape: [outputs, inputs], at: .columns(packed, part: part, first: start))
            if bias { catalog.note("\(name).bias", shape: [outputs], at: .biases(packed, part: part, first: start)) }
            start += outputs
        }
        return packed
    }

    /// The matrices of a tensor [count, sum of parts, inputs], each packed on its own.
    func stack(
        _ name: String, count: Int, parts: [Int], inputs: Int, arrangement: PackedWeight.Arrangement
    ) throws -> [PackedWeight] {
        let outputs = parts.reduce(0, +)
        let format = try format(of: .projection, stored: .plain, named: name)
        guard let tensor = try take(name, shape: [count, outputs, inputs]), let element = tensor.element else {
            return (0..<count).map { _ in
                let empty = PackedWeight(outputs: outputs, inputs: inputs, format: format, arrangement: arrangement)
                catalog.add(.projection, format: format, byteCount: empty.byteCount)
                return empty
            }
        }
        let weights = try withExtendedLifetime(tensor.owner) {
            try (0..<count).map { index in
                var builder = PackedWeight.Builder(inputs: inputs, format: format, arrangement: arrangement)
                var base = tensor.base + index * tensor.rowByteCount
                for part in parts {
                    builder.append(
                        PackedWeight.Source(base: base, element: element, outputs: part, rowStride: inputs))
                    base += part * inputs * element.byteCount
                }
                let weight = try builder.build(runtime, pieceByteCount: pieceByteCount) { [pace] _ in pace?() }
                tensor.discard((index + 1) * tensor.rowByteCount)
                catalog.add(.projection, format: format, byteCount: weight.byteCount)
                return weight
            }
        }
        finished(tensor)
        return weights
    }

    func contains(_ name: String) -> Bool { source.contains(name) }

    private func stored(_ name: String) -> Stored {
        if source.contains("\(name).weight_packed") { return .int4 }
        return source.contains("\(name).weight_scale") ? .int8 : .plain
    }

    /// What a weight is packed as. Quantising leaves alone what decides among few (routers, classes), and never takes the
    /// head below 8 bits: its rounding goes into every log probability directly.
    private func format(of kind: WeightKind, stored: Stored, named name: String) throws -> PackedWeight.Format {
        if kind == .router, stored == .plain { return .float32 }
        switch (stored, quantization) {
        case (.plain, nil): return PackedWeight.Format(element)
        case (.plain, .w8a8Int8?):
            return kind == .projection || kind == .head ? .int8 : PackedWeight.Format(element)
        case (.plain, .int4(let groupSize)?):
            if kind == .head { return .int8 }
            return kind == .projection ? .int4(groupSize: groupSize) : PackedWeight.Format(element)
        case (.int8, .w8a8Int8?): return .int8
        case (.int4, .int4(let groupSize)?): return .int4(groupSize: groupSize)
        case (.int8, _), (.int4, _):
            throw ModelError.unfitQuantization(
                reason: "\(name) is quantised, and not as the checkpoint's quantization_config says")
        }
    }

    /// nil: this is a survey.
    private func take(
        _ stored: Stored, _ name: String, outputs: Int, inputs: Int, into tensors: inout [WeightTensor]
    ) throws -> PackedWeight.Source? {
        if stored == .plain {
            guard let weight = try take("\(name).weight", shape: [outputs, inputs]), let element = weight.element else {
                return nil
            }
            tensors.append(weight)
            return PackedWeight.Source(base: weight.base, element: element, outputs: outputs, rowStride: inputs)
        }
        let bits = stored == .int8 ? 8 : 4
        let groupSize = stored == .int8 ? inputs : self.stored?.groupSize ?? inputs
        guard bits == 8 || inputs.isMultiple(of: 8) && inputs.isMultiple(of: groupSize) else {
            throw ModelError.unfitQuantization(reason: "\(name): \(inputs) inputs are not whole groups of \(groupSize)")
        }
        let weight =
            bits == 8
            ? try take("\(name).weight", .int8, shape: [outputs, inputs])
            : try take("\(name).weight_packed", .int32, shape: [outputs, inputs / 8])
        let scales = try take("\(name).weight_scale", shape: [outputs, inputs / groupSize])
        guard let weight, let scales, let element = scales.element else { return nil }
        tensors += [weight, scales]
        return PackedWeight.Source(
            base: weight.base, bits: bits, outputs: outputs, inputs: inputs,
            scales: PackedWeight.Source.Scales(
                base: scales.base, element: element, inputs: groupSize, rowStride: inputs / groupSize))
    }
}
