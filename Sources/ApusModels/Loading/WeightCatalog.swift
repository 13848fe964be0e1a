import ApusCore
import ApusTensor

/// What a model took from its checkpoint: every tensor's name and shape, and where and how its numbers are kept.
///
/// `@unchecked Sendable`: filled by the one thread that loads, never changed after.
package final class WeightCatalog: @unchecked Sendable {
    enum Place {
        /// float32
        case vector(AlignedBuffer)
        case table(AlignedBuffer, ElementType)
        case columns(PackedWeight, part: Int, first: Int)
        case biases(PackedWeight, part: Int, first: Int)
    }

    private var shapes: [String: [Int]] = [:]
    private var places: [String: Place] = [:]

    /// Names of what is multiplied, without `.weight`, and what for; known of a survey too.
    private(set) var multiplied: [(name: String, kind: WeightKind)] = []
    /// What is kept, by kind and format.
    private(set) var report: [WeightReport.Entry] = []

    func note(_ name: String, shape: [Int], at place: Place) {
        shapes[name] = shape
        places[name] = place
    }

    func note(_ name: String, isFor kind: WeightKind) { multiplied.append((name, kind)) }

    func add(_ kind: WeightKind, format: PackedWeight.Format, byteCount: Int) {
        add(kind, dtype: format.name, format: kind == .norm ? nil : format, byteCount)
    }

    /// A table whose rows are looked up.
    func add(_ kind: WeightKind, table element: ElementType, byteCount: Int) {
        add(kind, dtype: element.rawValue, format: nil, byteCount)
    }

    private func add(_ kind: WeightKind, dtype: String, format: PackedWeight.Format?, _ byteCount: Int) {
        if let index = report.firstIndex(where: { $0.kind == kind && $0.dtype == dtype }) {
            report[index].byteCount += byteCount
        } else {
            report.append(WeightReport.Entry(kind: kind, dtype: dtype, format: format, byteCount: byteCount))
        }
    }

    /// The first rows of a matrix, or one row with the first numbers of a vector; nil: no such tensor is kept whole.
    ///
    /// - Returns: `shape` of the tensor, and `rows` of at most `count` rows or numbers.
    package func rows(of name: String, first count: Int) -> (shape: [Int], rows: [[Float]])? {
        guard let shape = shapes[name], let place = places[name] else { return nil }
        let count = max(0, min(count, shape[0]))
        switch place {
        case .vector(let buffer): return (shape, [(0..<count).map { buffer.floats[$0] }])
        case .biases(let weight, let part, let first):
            let numbers = (0..<count).map { weight.bias(column: weight.column(ofRow: $0, part: part, first: first)) }
            return (shape, [numbers.map { $0 ?? 0 }])
        case .columns(let weight, let part, let first):
            let rows = (0..<count).map { weight.numbers(column: weight.column(ofRow: $0, part: part, first: first)) }
            return (shape, rows)
        case .table(let buffer, let element):
            return (shape, (0..<count).map { Self.row($0, of: buffer, element, width: shape[1]) })
        }
    }

    private static func row(_ row: Int, of buffer: AlignedBuffer, _ element: ElementType, width: Int) -> [Float] {
        let base = UnsafeRawPointer(buffer.base) + row * width * element.byteCount
        return (0..<width).map { column in
            switch element {
            case .float32: base.load(fromByteOffset: column * 4, as: Float.self)
            case .bfloat16:
                Float(bitPattern: UInt32(base.load(fromByteOffset: column * 2, as: UInt16.self)) << 16)
            case .float16: halfPrecision(base.load(fromByteOffset: column * 2, as: UInt16.self))
            }
        }
    }

    /// IEEE 754 binary16; `Float16` is not there on every platform.
    private static func halfPrecision(_ bits: UInt16) -> Float {
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = Float(bits & 0x3FF)
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
        }
    }
}
