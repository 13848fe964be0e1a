import CKernels

extension TensorRuntime {
    /// y = silu(gate) * up.
    package func siluMultiply(gate: Matrix, up: Matrix, into y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(gate.rows == y.rows && up.rows == y.rows)
        precondition(gate.columns == y.columns && up.columns == y.columns)
        split(y.rows, grain: grain(y.columns), with: (kernels, gate, up, y)) { state, range in
            let (kernels, gate, up, y) = state
            for row in range {
                kernels.pointee.silu_multiply(
                    gate.base + row * gate.stride, up.base + row * up.stride, y.base + row * y.stride, y.columns)
            }
        }
    }

    /// Which function the name "gelu" means.
    package enum GELU: Sendable {
        /// By the error function.
        case exact
        /// By its tanh approximation ("gelu_new", "gelu_pytorch_tanh").
        case tanh
    }

    /// y = gelu(x); y may be x.
    package func gelu(_ x: Matrix, _ kind: GELU, into y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(x.rows == y.rows && x.columns == y.columns)
        split(y.rows, grain: grain(y.columns), with: (kernels, x, kind, y)) { state, range in
            let (kernels, x, kind, y) = state
            for row in range {
                let source = UnsafePointer(x.base + row * x.stride)
                switch kind {
                case .exact: kernels.pointee.gelu_erf(source, y.base + row * y.stride, y.columns)
                case .tanh: kernels.pointee.gelu_tanh(source, y.base + row * y.stride, y.columns)
                }
            }
        }
    }

    /// y = tanh(x); y may be x.
    package func tanh(_ x: Matrix, into y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(x.rows == y.rows && x.columns == y.columns)
        for row in 0..<y.rows {
            kernels.pointee.tanh(x.base + row * x.stride, y.base + row * y.stride, y.columns)
        }
    }

    /// y = a + b; y may be either.
    package func add(_ a: Matrix, _ b: Matrix, into y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(a.rows == y.rows && b.rows == y.rows && a.columns == y.columns && b.columns == y.columns)
        split(y.rows, grain: grain(y.columns), with: (kernels, a, b, y)) { state, range in
            let (kernels, a, b, y) = state
            for row in range {
                kernels.pointee.add(
                    a.base + row * a.stride, b.base + row * b.stride, y.base + row * y.stride, y.columns)
            }
        }
    }

    /// Copies rows: y[i] = x[indices[i]]. The rows that need logits, say.
    package func select(_ x: Matrix, rows indices: UnsafeBufferPointer<Int32>, into y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(y.rows == indices.count && x.columns == y.columns)
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && Int(index) < x.rows)
            (y.base + row * y.stride).update(from: x.base + Int(index) * x.stride, count: x.columns)
        }
    }
}
