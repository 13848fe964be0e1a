/// A view of float32 activations, [rows, columns], in memory that someone else owns.
///
/// Rows lie `stride` numbers apart. A view is as valid as its owner; the operations that take one check shapes.
package struct Matrix {
    package let base: UnsafeMutablePointer<Float>
    package let rows: Int
    package let columns: Int
    package let stride: Int

    package init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        precondition(rows >= 0 && columns >= 0 && stride >= columns)
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// Row strides that keep every row 64-byte aligned.
    package static func paddedStride(_ columns: Int) -> Int {
        (columns + 15) / 16 * 16
    }

    /// One row.
    package subscript(row: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(row >= 0 && row < rows)
        return UnsafeMutableBufferPointer(start: base + row * stride, count: columns)
    }

    /// Some of the rows.
    package func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        return Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// Some of the columns: the queries of a fused [queries | keys | values] product, say.
    package func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns)
        return Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }
}
