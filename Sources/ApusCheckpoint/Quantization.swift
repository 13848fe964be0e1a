/// How the numbers of a model's projections are kept and multiplied when they are not kept as they were trained.
package enum Quantization: Sendable, Hashable {
    /// 8-bit weights with a scale per output, 8-bit activations with a scale per row.
    case w8a8Int8
    /// 4-bit weights with a scale per output and group of 32 or 128 inputs.
    case int4(groupSize: Int)

    /// Names of `--quantization`: `w8a8_int8`, `int4` (groups of 32), `int4-32`, `int4-128`.
    package init?(name: String) {
        switch name {
        case "w8a8_int8": self = .w8a8Int8
        case "int4", "int4-32": self = .int4(groupSize: 32)
        case "int4-128": self = .int4(groupSize: 128)
        default: return nil
        }
    }

    package var name: String {
        switch self {
        case .w8a8Int8: "w8a8_int8"
        case .int4(let groupSize): "int4-\(groupSize)"
        }
    }
}
