import CKernels

extension TensorRuntime {
    /// y = x / sqrt(mean(x^2) + epsilon) * (weight + weightOffset), row by row (Zhang and Sennrich 2019).
    ///
    /// - Parameters:
    ///   - weight: one number per column.
    ///   - weightOffset: 0, or 1 for the Gemma family.
    package func rmsNorm(
        _ x: Matrix, weight: UnsafePointer<Float>, weightOffset: Float = 0, epsilon: Float, into y: Matrix
    ) {
        let mark = start(.norms)
        defer { finish(mark) }
        precondition(x.rows == y.rows && x.columns == y.columns)
        let state = (kernels, x, weight, weightOffset, epsilon, y)
        split(x.rows, grain: grain(x.columns), with: state) { state, range in
            let (kernels, x, weight, weightOffset, epsilon, y) = state
            kernels.pointee.rms_norm(
                x.base + range.lowerBound * x.stride, x.stride, weight, weightOffset, epsilon,
                y.base + range.lowerBound * y.stride, y.stride, range.count, y.columns)
        }
    }

    /// The same for each head of each row, in place: the query and key norms of Qwen3.
    ///
    /// - Parameter weight: `headDimension` numbers, shared by all heads.
    package func rmsNormHeads(_ x: Matrix, headDimension: Int, weight: UnsafePointer<Float>, epsilon: Float) {
        let mark = start(.norms)
        defer { finish(mark) }
        precondition(x.columns % headDimension == 0)
        let state = (kernels, x, headDimension, weight, epsilon)
        split(x.rows, grain: grain(x.columns), with: state) { state, range in
            let (kernels, x, headDimension, weight, epsilon) = state
            for row in range {
                let base = x.base + row * x.stride
                kernels.pointee.rms_norm(
                    base, headDimension, weight, 0, epsilon, base, headDimension, x.columns / headDimension,
                    headDimension)
            }
        }
    }

    /// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row.
    package func layerNorm(
        _ x: Matrix, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float, into y: Matrix
    ) {
        let mark = start(.norms)
        defer { finish(mark) }
        precondition(x.rows == y.rows && x.columns == y.columns)
        let state = (kernels, x, weight, bias, epsilon, y)
        split(x.rows, grain: grain(x.columns), with: state) { state, range in
            let (kernels, x, weight, bias, epsilon, y) = state
            kernels.pointee.layer_norm(
                x.base + range.lowerBound * x.stride, x.stride, weight, bias, epsilon,
                y.base + range.lowerBound * y.stride, y.stride, range.count, y.columns)
        }
    }

    /// Rows that make a thread worth waking: some ten thousand numbers.
    func grain(_ columns: Int) -> Int {
        max(1, 16_384 / max(columns, 1))
    }
}
