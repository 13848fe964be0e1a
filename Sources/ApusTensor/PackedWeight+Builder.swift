package import ApusCore
import CKernels

extension PackedWeight {
    /// Collects the tensors of one packed weight, then packs them on all threads.
    package struct Builder {
        private let inputs: Int
        private let format: Format
        private let arrangement: Arrangement
        private var sources: [Source] = []
        private var biases: [Source?] = []

        package init(inputs: Int, format: Format, arrangement: Arrangement = .sequential) {
            precondition(inputs > 0)
            self.inputs = inputs
            self.format = format
            self.arrangement = arrangement
        }

        /// Without quantisation: float32 stays, float16 and bfloat16 become bfloat16.
        package init(inputs: Int, element: ElementType, arrangement: Arrangement = .sequential) {
            self.init(inputs: inputs, format: Format(element), arrangement: arrangement)
        }

        /// Adds a tensor's outputs after those added before.
        ///
        /// - Parameter bias: a vector of one number per output, described as a source with `outputs` rows of one number.
        package mutating func append(_ source: Source, bias: Source? = nil) {
            precondition(source.suits(format, inputs: inputs))
            precondition(bias.map { $0.outputs == source.outputs } ?? true)
            sources.append(source)
            biases.append(bias)
        }

        /// - Parameters:
        ///   - pieceByteCount: packed bytes between two calls of `onPacked`, about.
        ///   - onPacked: called now and then with a number of outputs, the first ones, whose sources are not needed any
        ///     more: the memory of a large source can go while the rest is packed.
        /// - Throws: `TensorError.outOfMemory`.
        package func build(
            _ runtime: TensorRuntime, pieceByteCount: Int = 16 << 20, onPacked: ((_ outputs: Int) -> Void)? = nil
        ) throws(TensorError) -> PackedWeight {
            precondition(!sources.isEmpty)
            precondition(arrangement == .sequential || sources.count == 2 && sources[0].outputs == sources[1].outputs)
            let outputs = sources.reduce(0) { $0 + $1.outputs }
            let width = Int(APUS_PANEL)
            let panels = arrangement.panels(outputs: outputs)
            let panelBytes = format.panelByteCount(inputs)
            let buffer = try AlignedBuffer(byteCount: panels * panelBytes, from: runtime.spare)
            runtime.place(buffer)
            let bias = try packedBias(panels: panels, runtime)
            let columnBytes = format == .int8 ? panels * width * 4 : nil
            let scales = try columnBytes.map { bytes throws(TensorError) in try AlignedBuffer(byteCount: bytes) }
            let sums = try columnBytes.map { bytes throws(TensorError) in try AlignedBuffer(byteCount: bytes) }
            let family = runtime.family(of: format)
            let slice = max(runtime.pool.threadCount, pieceByteCount / panelBytes)
            for start in stride(from: 0, to: panels, by: slice) {
                runtime.pool.run(count: min(slice, panels - start)) { index, _ in
                    let panel = start + index
                    var job = apus_panel()
                    job.inner = inputs
                    job.packed = buffer.base + panel * panelBytes
                    job.scales = scales.map { $0.floats + panel * width }
                    job.sums = sums.map { $0.base.assumingMemoryBound(to: Int32.self) + panel * width }
                    fill(&job, panel: panel)
                    fillScales(&job, panel: panel)
                    family.pack_panel(&job)
                }
                onPacked?(min(outputs, (start + slice) * width))
            }
            return PackedWeight(
                outputs: outputs, inputs: inputs, format: format, arrangement: arrangement, panels: panels,
                buffer: buffer, bias: bias, scales: scales, sums: sums)
        }

        /// The tensor and the row in it that a packed column shows; nil for padding.
        private func origin(panel: Int, lane: Int) -> (source: Int, row: Int)? {
            let width = Int(APUS_PANEL)
            if arrangement == .paired {
                let row = panel / 2 * width + lane
                return row < sources[0].outputs ? (panel % 2, row) : nil
            }
            var row = panel * width + lane
            for (index, source) in sources.enumerated() {
                if row < source.outputs { return (index, row) }
                row -= source.outputs
            }
            return nil
        }

        private func fill(_ job: inout apus_panel, panel: Int) {
            withUnsafeMutableBytes(of: &job.rows) { rawRows in
                withUnsafeMutableBytes(of: &job.elements) { elements in
                    let rows = rawRows.assumingMemoryBound(to: UnsafeRawPointer?.self)
                    for lane in rows.indices {
                        guard let origin = origin(panel: panel, lane: lane) else { continue }
                        let source = sources[origin.source]
                        rows[lane] = source.row(origin.row)
                        elements[lane] = source.kernelElement
                    }
                }
            }
        }

        private func fillScales(_ job: inout apus_panel, panel: Int) {
            guard let first = sources[0].scales else { return }
            job.scale_group = first.inputs
            withUnsafeMutableBytes(of: &job.row_scales) { rawRows in
                withUnsafeMutableBytes(of: &job.scale_elements) { elements in
                    let rows = rawRows.assumingMemoryBound(to: UnsafeRawPointer?.self)
                    for lane in rows.indices {
                        guard let origin = origin(panel: panel, lane: lane),
                            let scales = sources[origin.source].scales
                        else { continue }
                        precondition(scales.inputs == first.inputs)
                        rows[lane] = scales.row(origin.row)
                        elements[lane] = UInt8(scales.element.kernelElement.rawValue)
                    }
                }
            }
        }

        private func packedBias(panels: Int, _ runtime: TensorRuntime) throws(TensorError) -> AlignedBuffer? {
            guard biases.contains(where: { $0 != nil }) else { return nil }
            let width = Int(APUS_PANEL)
            let buffer = try AlignedBuffer(byteCount: panels * width * MemoryLayout<Float>.stride)
            for column in 0..<panels * width {
                guard let origin = origin(panel: column / width, lane: column % width),
                    let bias = biases[origin.source]
                else { continue }
                runtime.kernels.pointee.convert(
                    bias.row(origin.row), apus_element(UInt32(bias.kernelElement)), buffer.floats + column,
                    APUS_FLOAT32, 1)
            }
            return buffer
        }
    }
}
