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

    /// The numbers of a column as they are multiplied, [inputs]: as the rounding left them.
    package func numbers(column: Int) -> [Float] {
        precondition(column >= 0 && column < panels * Int(APUS_PANEL))
        return [Float](unsafeUninitializedCapacity: inputs) { numbers, count in
            unpack(column: column, into: numbers.baseAddress!)
            count = inputs
        }
    }

    func unpack(column: Int, into out: UnsafeMutablePointer<Float>) {
        switch format {
        case .float32: apus_unpack_row(buffer.base, APUS_FLOAT32, inputs, column, out)
        case .bfloat16: apus_unpack_row(buffer.base, APUS_BFLOAT16, inputs, column, out)
        case .int8: apus_unpack_row_int8(buffer.base, scales?.floats, inputs, column, out)
        case .int4(let groupSize): apus_unpack_row_int4(buffer.base, groupSize, inputs, column, out)
        }
    }

    /// What a column was rounded to: signed bytes and their scale, or for `int4` bytes of 0 ... 15 (8 more than they
    /// mean) and a scale a group. nil: it is not quantised.
    package func codes(column: Int) -> (bytes: [UInt8], scales: [Float])? {
        precondition(column >= 0 && column < panels * Int(APUS_PANEL))
        var bytes = [UInt8](repeating: 0, count: inputs)
        switch format {
        case .float32, .bfloat16: return nil
        case .int8:
            bytes.withUnsafeMutableBytes { bytes in
                apus_unpack_codes_int8(
                    buffer.base, inputs, column, bytes.baseAddress?.assumingMemoryBound(to: Int8.self))
            }
            return (bytes, scales.map { [$0.floats[column]] } ?? [])
        case .int4(let groupSize):
            var groups = [Float](repeating: 0, count: (inputs + groupSize - 1) / groupSize)
            apus_unpack_codes_int4(buffer.base, groupSize, inputs, column, &bytes, &groups)
            return (bytes, groups)
        }
    }

    /// What is added to a column; nil without biases.
    package func bias(column: Int) -> Float? { bias.map { $0.floats[column] } }
}
