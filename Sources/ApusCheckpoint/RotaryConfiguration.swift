import ApusJSON

/// How positions become angles: the base and what stretches it (`rope_theta`, `rope_scaling`, `rope_parameters`).
package struct RotaryConfiguration: Sendable, Hashable {
    package enum Scaling: Sendable, Hashable {
        case none
        /// Positions divided by `factor`.
        case linear(factor: Double)
        /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, those between blended.
        case llama3(factor: Double, lowFactor: Double, highFactor: Double, originalContext: Double)
    }

    package let base: Double
    package let scaling: Scaling

    package init(base: Double, scaling: Scaling) {
        self.base = base
        self.scaling = scaling
    }

    /// Reads either spelling: `rope_theta` with `rope_scaling`, or `rope_parameters` with both (transformers 5).
    init(_ file: JSONFile) throws(CheckpointError) {
        let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude
        let key = file.value("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
        var base = try file.number("rope_theta", in: positive)
        guard let value = file.value(key) else {
            self.init(base: base ?? 10_000, scaling: .none)
            return
        }
        guard let object = value.objectValue else { throw file.failure("\(key) is \(value), expected an object") }
        let scaling = JSONFile(path: file.path, members: object)
        base = try scaling.number("rope_theta", in: positive) ?? base
        for source in [file, scaling] {
            guard let part = try source.number("partial_rotary_factor", in: positive), part != 1 else { continue }
            throw file.failure("partial_rotary_factor \(part) is not supported")
        }
        func required(_ name: String) throws(CheckpointError) -> Double {
            guard let number = try scaling.number(name, in: positive) else {
                throw file.failure("\(key) has no \(name)")
            }
            return number
        }
        let kind = try scaling.string("rope_type", "type") ?? "default"
        switch kind {
        case "default":
            self.init(base: base ?? 10_000, scaling: .none)
        case "linear":
            self.init(base: base ?? 10_000, scaling: .linear(factor: try required("factor")))
        case "llama3":
            self.init(
                base: base ?? 10_000,
                scaling: .llama3(
                    factor: try required("factor"), lowFactor: try required("low_freq_factor"),
                    highFactor: try required("high_freq_factor"),
                    originalContext: try required("original_max_position_embeddings")))
        default:
            throw file.failure("\(key) of type '\(kind)' is not supported; default, linear and llama3 are")
        }
    }

    /// What the scaling multiplies `max_position_embeddings` by; llama3 states the stretched length already.
    package var contextFactor: Double {
        if case .linear(let factor) = scaling { factor } else { 1 }
    }
}
