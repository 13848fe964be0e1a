import ApusCheckpoint
package import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// From a text's pooled vector to numbers for its classes, or to another vector: projections one after the other.
package struct ClassificationHead {
    enum Activation {
        case none
        case tanh
        case rectified
        case sigmoid
    }

    private struct Stage {
        var weight: PackedWeight
        var activation: Activation
        let output = AlignedBuffer()
    }

    private var stages: [Stage] = []

    /// Numbers that come out.
    package var classCount: Int { stages[stages.count - 1].weight.outputs }

    /// - Parameter last: The activation of the outcome.
    init(
        _ root: WeightScope, _ names: [(name: String, outputs: Int, bias: Bool, then: Activation)], inputs: Int,
        last: Activation = .none
    ) throws {
        var width = inputs
        for (index, (name, outputs, bias, then)) in names.enumerated() {
            try append(root, name, inputs: width, outputs: outputs, bias: bias)
            stages[index].activation = index == names.count - 1 ? last : then
            width = outputs
        }
    }

    /// Those of sentence-transformers, each from a checkpoint of its own.
    init(_ modules: [(scope: WeightScope, module: SentenceDense)]) throws {
        for (scope, module) in modules {
            try append(
                scope, "linear", inputs: module.inputs, outputs: module.outputs, bias: module.hasBias)
            stages[stages.count - 1].activation =
                switch module.activation {
                case .none: .none
                case .tanh: .tanh
                case .rectified: .rectified
                case .sigmoid: .sigmoid
                }
        }
    }

    private mutating func append(
        _ scope: WeightScope, _ name: String, inputs: Int, outputs: Int, bias: Bool
    ) throws {
        let weight = try scope.loader.packed(
            [(name, outputs)], inputs: inputs, bias: bias, arrangement: .sequential, as: .decision)
        stages.append(Stage(weight: weight, activation: .none))
    }

    /// Widths of the projections, from the pooled vector on: for those who want to know.
    package var widths: [Int] { stages.map(\.weight.outputs) }

    /// x: [texts, hiddenSize]
    ///
    /// - Returns: [texts, classCount], valid until the next call.
    package func callAsFunction(_ x: Matrix, _ runtime: TensorRuntime) -> Matrix {
        var x = x
        for stage in stages {
            let y = stage.output.matrix(rows: x.rows, columns: stage.weight.outputs)
            runtime.linear(x, stage.weight, into: y)
            switch stage.activation {
            case .none: break
            case .tanh: runtime.tanh(y, into: y)
            case .rectified: Self.map(y) { max($0, 0) }
            case .sigmoid: Self.map(y) { 1 / (1 + exp(-$0)) }
            }
            x = y
        }
        return x
    }

    private static func map(_ y: Matrix, _ function: (Float) -> Float) {
        for row in 0..<y.rows {
            let numbers = y[row]
            for column in numbers.indices { numbers[column] = function(numbers[column]) }
        }
    }

    package var byteCount: Int { stages.reduce(0) { $0 + $1.weight.byteCount } }
}
