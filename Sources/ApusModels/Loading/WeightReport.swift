package import ApusTensor

/// What a weight is for.
package enum WeightKind: String, Sendable, Hashable {
    /// From one vector of a layer to another; of experts too.
    case projection
    /// From the last vector to the logits.
    case head
    /// From a vector to few numbers that decide: classes.
    case decision
    /// From a vector to the scores of experts. Always float32: it is small, and close choices should not hang on rounding.
    case router
    /// A table of vectors, whose rows are looked up.
    case embedding
    /// A vector that is multiplied or added number by number.
    case norm
}

/// In which numbers a model's weights are kept, and what multiplies them: nobody has to guess which path is taken.
package struct WeightReport {
    package struct Entry {
        package let kind: WeightKind
        package let dtype: String
        /// nil: it is not multiplied as a matrix.
        let format: PackedWeight.Format?
        package internal(set) var byteCount: Int
    }

    package struct Line {
        package let kind: String
        package let dtype: String
        /// nil: it is not multiplied as a matrix.
        package let arithmetic: String?
        package let packing: String
        package let byteCount: Int
    }

    package let lines: [Line]
    /// Of all.
    package var byteCount: Int { lines.reduce(0) { $0 + $1.byteCount } }

    package init(_ catalog: WeightCatalog, _ runtime: TensorRuntime) {
        lines = catalog.report.map { entry in
            Line(
                kind: entry.kind.rawValue, dtype: entry.dtype, arithmetic: entry.format.map(runtime.arithmetic(of:)),
                packing: entry.format?.packing ?? (entry.kind == .embedding ? "rows" : "vectors"),
                byteCount: entry.byteCount)
        }
    }
}
