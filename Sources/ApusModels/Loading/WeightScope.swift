import ApusCore
import ApusTensor

/// A place in a checkpoint's tree of names, from which layers take their weights: `model.layers.3.mlp`, say.
struct WeightScope {
    let loader: WeightLoader
    let path: String

    /// The place below: `scope("mlp")`, `scope("layers", 3)`; the place itself for an empty name.
    func scope(_ name: String) -> WeightScope {
        if name.isEmpty { return self }
        return WeightScope(loader: loader, path: path.isEmpty ? name : "\(path).\(name)")
    }

    func scope(_ name: String, _ index: Int) -> WeightScope {
        scope("\(name).\(index)")
    }

    /// A vector in float32, for norms.
    func vector(_ name: String, count: Int) throws -> AlignedBuffer {
        try loader.vector("\(path).\(name)", count: count)
    }

    /// The outputs of several projections of one input as one packed weight.
    func projection(
        _ projections: [(name: String, outputs: Int)], inputs: Int, bias: Bool,
        arrangement: PackedWeight.Arrangement = .sequential, as kind: WeightKind = .projection
    ) throws -> PackedWeight {
        try loader.packed(
            projections.map { ("\(path).\($0.name)", $0.outputs) }, inputs: inputs, bias: bias,
            arrangement: arrangement, as: kind)
    }

    /// The matrices of a tensor [count, sum of parts, inputs], each as a packed weight of `parts`.
    func stack(
        _ name: String, count: Int, parts: [Int], inputs: Int, arrangement: PackedWeight.Arrangement = .sequential
    ) throws -> [PackedWeight] {
        try loader.stack("\(path).\(name)", count: count, parts: parts, inputs: inputs, arrangement: arrangement)
    }

    /// The checkpoint has a tensor of that name here. A source that makes up its tensors has none.
    func contains(_ name: String) -> Bool { loader.contains("\(path).\(name)") }
}
