package import ApusCore
import CKernels

extension TensorRuntime {
    /// The index of the largest number, the lowest of equals; NaN never wins. 0 for an empty row.
    package func argmax(_ row: UnsafeBufferPointer<Float>) -> Int {
        guard let base = row.baseAddress else { return 0 }
        return kernels.pointee.argmax(base, row.count)
    }

    /// The same for each row, on all threads.
    package func argmax(_ x: Matrix, into indices: UnsafeMutableBufferPointer<Int32>) {
        precondition(indices.count == x.rows)
        pool.run(count: x.rows, with: (kernels, x, indices)) { state, row, _ in
            let (kernels, x, indices) = state
            indices[row] = Int32(kernels.pointee.argmax(x.base + row * x.stride, x.columns))
        }
    }

    /// The largest number; -infinity for an empty row.
    package func maximum(_ row: UnsafeBufferPointer<Float>) -> Float {
        guard let base = row.baseAddress else { return -.infinity }
        return kernels.pointee.maximum(base, row.count)
    }

    /// out[i] = exp((row[i] - shift) * scale), or nothing when `out` is nil; returns the sum.
    @discardableResult
    package func exponentials(
        _ row: UnsafeBufferPointer<Float>, shift: Float, scale: Float = 1, into out: UnsafeMutablePointer<Float>?
    ) -> Float {
        guard let base = row.baseAddress else { return 0 }
        return kernels.pointee.exponentials(base, shift, scale, out, row.count)
    }

    /// row *= factor.
    package func scale(_ row: UnsafeMutableBufferPointer<Float>, by factor: Float) {
        guard let base = row.baseAddress else { return }
        kernels.pointee.scale(base, factor, base, row.count)
    }

    /// The sum of products.
    package func dot(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>) -> Float {
        precondition(a.count == b.count)
        guard let left = a.baseAddress, let right = b.baseAddress else { return 0 }
        return kernels.pointee.dot(left, right, a.count)
    }

    /// Numbers from one format to another.
    package func convert(
        _ source: UnsafeRawPointer, from: ElementType, to target: UnsafeMutableRawPointer, as to: ElementType,
        count: Int
    ) {
        kernels.pointee.convert(source, from.kernelElement, target, to.kernelElement, count)
    }
}
