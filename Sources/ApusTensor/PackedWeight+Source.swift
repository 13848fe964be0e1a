package import ApusCore
import CKernels

extension PackedWeight {
    /// Rows of a tensor in memory, as a checkpoint has them: [outputs, inputs].
    package struct Source {
        /// The scales of rows that come quantised: [outputs, inputs / group].
        package struct Scales {
            let base: UnsafeRawPointer
            let element: ElementType
            /// Inputs that share one.
            let inputs: Int
            let rowStride: Int

            /// - Parameters:
            ///   - inputs: Inputs that share one scale: for 8 bits all of a row's.
            ///   - rowStride: Scales of a row.
            package init(base: UnsafeRawPointer, element: ElementType, inputs: Int, rowStride: Int) {
                precondition(inputs > 0 && rowStride > 0)
                self.base = base
                self.element = element
                self.inputs = inputs
                self.rowStride = rowStride
            }

            func row(_ index: Int) -> UnsafeRawPointer {
                base + index * rowStride * element.byteCount
            }
        }

        private enum Numbers {
            case elements(ElementType)
            case int8
            /// Two neighbours in a byte, the first in its lower half, each 8 more than what it means.
            case int4
        }

        private let base: UnsafeRawPointer
        private let numbers: Numbers
        private let rowByteCount: Int
        let outputs: Int
        let scales: Scales?

        /// - Parameters:
        ///   - base: the first row's first number; must stay valid until `build` has returned.
        ///   - outputs: rows to take.
        ///   - rowStride: numbers from one row to the next.
        package init(base: UnsafeRawPointer, element: ElementType, outputs: Int, rowStride: Int) {
            precondition(outputs > 0 && rowStride > 0)
            self.base = base
            self.outputs = outputs
            numbers = .elements(element)
            rowByteCount = rowStride * element.byteCount
            scales = nil
        }

        /// Rows that were quantised before, to be packed as `int8` or `int4`.
        ///
        /// - Parameters:
        ///   - bits: 8: signed bytes; 4: halves of bytes, the earlier input in the lower one, each 8 too large.
        ///   - inputs: numbers of a row; even when they have 4 bits.
        package init(base: UnsafeRawPointer, bits: Int, outputs: Int, inputs: Int, scales: Scales) {
            precondition(bits == 8 || bits == 4 && inputs.isMultiple(of: 2))
            self.base = base
            self.outputs = outputs
            numbers = bits == 8 ? .int8 : .int4
            rowByteCount = inputs * bits / 8
            self.scales = scales
        }

        /// Whether a weight of that format can be made of it.
        func suits(_ format: Format, inputs: Int) -> Bool {
            switch (numbers, format) {
            case (.elements(let element), _): rowByteCount >= inputs * element.byteCount
            case (.int8, .int8): rowByteCount == inputs && scales?.rowStride == 1
            case (.int4, .int4(let size)):
                rowByteCount == inputs / 2
                    && scales.map { $0.rowStride == 1 || $0.inputs.isMultiple(of: size) } ?? false
            default: false
            }
        }

        func row(_ index: Int) -> UnsafeRawPointer { base + index * rowByteCount }

        var kernelElement: UInt8 {
            switch numbers {
            case .elements(let element): UInt8(element.kernelElement.rawValue)
            case .int8: UInt8(APUS_INT8.rawValue)
            case .int4: UInt8(APUS_INT4.rawValue)
            }
        }
    }
}
