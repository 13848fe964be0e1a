import CKernels

extension TensorRuntime {
    /// Rotates each head of each row in place by the angles of the row's position.
    ///
    /// x: [rows, heads * headDimension]; the first `2 * table.half` numbers of a head turn, the rest stay.
    /// The two halves of those are the real and imaginary parts ("NeoX" order, as Hugging Face checkpoints have it).
    package func rotate(
        _ x: Matrix, headDimension: Int, positions: UnsafeBufferPointer<Int32>, table: RotaryTable
    ) {
        let mark = start(.positions)
        defer { finish(mark) }
        precondition(x.columns % headDimension == 0 && positions.count == x.rows && 2 * table.half <= headDimension)
        let state = (kernels, x, headDimension, positions, table)
        split(x.rows, grain: grain(x.columns), with: state) { state, range in
            let (kernels, x, headDimension, positions, table) = state
            for row in range {
                let position = Int(positions[row])
                kernels.pointee.rotate(
                    x.base + row * x.stride, x.columns / headDimension, headDimension,
                    table.cosines(at: position), table.sines(at: position), table.half)
            }
        }
    }
}
