import CKernels

extension PackedWeight {
    /// The column of the product that row `row` of a tensor made.
    ///
    /// - Parameters:
    ///   - part: The tensor's number among those that were appended.
    ///   - first: Outputs of the tensors before it.
    package func column(ofRow row: Int, part: Int, first: Int) -> Int {
        switch arrangement {
        case .sequential: return first + row
        case .paired:
            let width = Int(APUS_PANEL)
            return (row / width * 2 + part) * width + row % width
        }
    }

    /// The numbers of a column as they are multiplied, [inputs]. `int8` gives them as the rounding left them.
    package func numbers(column: Int) -> [Float] {
        precondition(column >= 0 && column < panels * Int(APUS_PANEL))
        return [Float](unsafeUninitializedCapacity: inputs) { numbers, count in
            let out = numbers.baseAddress!
            switch format {
            case .float32: apus_unpack_row(buffer.base, APUS_FLOAT32, inputs, column, out)
            case .bfloat16: apus_unpack_row(buffer.base, APUS_BFLOAT16, inputs, column, out)
            case .int8: apus_unpack_row_int8(buffer.base, scales?.floats, inputs, column, out)
            }
            count = inputs
        }
    }

    /// What is added to a column; nil without biases.
    package func bias(column: Int) -> Float? { bias.map { $0.floats[column] } }
}
