import ApusCheckpoint
import ApusEngine
import ApusJSON
import ApusModels
import Logging

/// What is said of a model's weights in the log and in `/get_server_info`: kept as what, multiplied by what.
struct WeightSummary {
    private let report: WeightReport
    private let scheme: Quantization?
    private let kernels: String

    init(_ report: WeightReport, quantization: Quantization?, kernels: String) {
        self.report = report
        scheme = quantization
        self.kernels = kernels
    }

    var byteCount: Int { report.byteCount }

    /// The field `quantization`: what is in force, asked for or found.
    var quantization: JSONValue { scheme.map { .string($0.name) } ?? .null }

    func log(_ logger: Logger) {
        for line in report.lines {
            let arithmetic = line.arithmetic.map { ", \($0)" } ?? ""
            let size = MemoryBudget.gigabytes(line.byteCount)
            logger.info("Weights: \(line.kind) in \(line.dtype)\(arithmetic), \(line.packing), \(size) GB")
        }
    }

    /// The field `weights`: one object for each kind of tensor and each of its formats.
    var json: JSONValue {
        .array(
            report.lines.map { line in
                [
                    "tensors": .string(line.kind), "dtype": .string(line.dtype),
                    "kernels": line.arithmetic == nil ? .null : .string(kernels),
                    "arithmetic": line.arithmetic.map { .string($0) } ?? .null, "packing": .string(line.packing),
                    "bytes": JSONValue(line.byteCount),
                ]
            })
    }
}
