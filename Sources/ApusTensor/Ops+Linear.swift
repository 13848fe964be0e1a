package import ApusCore
import CKernels

/// What becomes of a product.
package enum Epilogue: Sendable {
    /// y = x W^T + bias
    case store
    /// y += x W^T + bias: the residual connection.
    case accumulate
    /// y = silu(gate) * up, for a weight whose arrangement is `paired`; y has half as many columns.
    case siluMultiply
}

extension TensorRuntime {
    /// y[rows, outputs] = x[rows, inputs] times the transposed weight, plus the weight's bias.
    ///
    /// A row of y depends on the same row of x alone, bit for bit. With a bfloat16 weight, x is rounded to bfloat16 and
    /// sums are float32; with an int8 weight, x is quantised row by row and sums are exact; with an int4 weight, the same
    /// group by group.
    package func linear(_ x: Matrix, _ weight: PackedWeight, into y: Matrix, epilogue: Epilogue = .store) {
        let mark = start(.products)
        defer { finish(mark) }
        precondition(x.columns == weight.inputs && x.rows == y.rows)
        precondition(y.columns == (epilogue == .siluMultiply ? weight.outputs / 2 : weight.outputs))
        precondition((epilogue == .siluMultiply) == (weight.arrangement == .paired))
        precondition(weight.hasNumbers)
        guard x.rows > 0 else { return }
        let family = family(of: weight.format)
        pack(x, family, weight.format)
        var job = product(weight, epilogue)
        job.lhs = UnsafeRawPointer(activations.base)
        job.rows = x.rows
        job.out = y.base
        job.out_stride = y.stride
        run(job, of: weight, family)
    }

    /// y[rows, outputs] = (silu(x G^T) * (x U^T)) D^T, or y += it: `gateUp` is G and U, `paired`; `down` is D.
    ///
    /// What is between the two products is rounded and brought into the second one's order by the first, where the numbers
    /// themselves allow it; int8 and int4 need a row's (or group's) largest magnitude first, and `expanded`, as wide as D
    /// has inputs.
    package func gated(
        _ x: Matrix, _ gateUp: PackedWeight, _ down: PackedWeight, expanded: @autoclosure () -> Matrix, into y: Matrix,
        epilogue: Epilogue
    ) {
        guard gateUp.format == down.format, gateUp.format.takesNumbersAsTheyAre, gateUp.outputs % 64 == 0 else {
            let expanded = expanded()
            linear(x, gateUp, into: expanded, epilogue: .siluMultiply)
            return linear(expanded, down, into: y, epilogue: epilogue)
        }
        let mark = start(.products)
        defer { finish(mark) }
        precondition(x.columns == gateUp.inputs && x.rows == y.rows && y.columns == down.outputs)
        precondition(gateUp.arrangement == .paired && gateUp.outputs == 2 * down.inputs)
        precondition(epilogue != .siluMultiply && down.arrangement == .sequential)
        precondition(gateUp.hasNumbers && down.hasNumbers)
        guard x.rows > 0 else { return }
        let family = family(of: gateUp.format)
        pack(x, family, gateUp.format)
        gatedActivations.reserve(byteCount: down.paddedInputs / family.inner_block * family.lhs_block_bytes * x.rows)
        var first = product(gateUp, .siluMultiply)
        first.epilogue = APUS_SILU_PACK
        first.lhs = UnsafeRawPointer(activations.base)
        first.rows = x.rows
        first.out = gatedActivations.floats
        run(first, of: gateUp, family)
        var second = product(down, epilogue)
        second.lhs = UnsafeRawPointer(gatedActivations.base)
        second.rows = x.rows
        second.out = y.base
        second.out_stride = y.stride
        run(second, of: down, family)
    }

    /// A product whose rows are packed, by all threads.
    private func run(_ whole: apus_gemm, of weight: PackedWeight, _ family: apus_family) {
        var job = whole
        job.lhs_scales = UnsafePointer(rowScales.floats)
        // Parts of whole quads of panels: four streams of weights each, and gate-up pairs stay together.
        let groups = (job.rows + family.row_block - 1) / family.row_block
        let quads = (weight.panels + 3) / 4
        let columnParts = min(quads, pool.threadCount * 4)
        let rowParts = columnParts >= pool.threadCount * 2 ? 1 : min(groups, pool.threadCount * 2 / columnParts)
        let scratchBytes = groups > 1 ? family.gemm_scratch(job.rows) : 0
        let cut = ProductCut(
            quads: quads, columnParts: columnParts, panels: weight.panels, groups: groups, rowParts: rowParts,
            scratchBytes: scratchBytes)
        pool.run(count: columnParts * rowParts, with: (scratch, family.gemm, job, cut)) { state, part, worker in
            var (scratch, gemm, job, cut) = state
            if cut.scratchBytes > 0 {
                scratch[worker].reserve(byteCount: cut.scratchBytes)
                job.scratch = scratch[worker].base
            }
            cut.part(part, of: &job)
            gemm?(&job)
        }
    }

    /// A product's job as far as the weight fixes it: whose rows, and which part of the columns, is still to be said.
    func product(_ weight: PackedWeight, _ epilogue: Epilogue) -> apus_gemm {
        var job = apus_gemm()
        job.inner = weight.paddedInputs
        job.weight = UnsafeRawPointer(weight.buffer.base)
        job.outputs = weight.outputs
        job.bias = weight.bias.map { UnsafePointer($0.floats) }
        job.weight_scales = weight.scales.map { UnsafePointer($0.floats) }
        job.weight_sums = weight.sums.map { UnsafeRawPointer($0.base).assumingMemoryBound(to: Int32.self) }
        switch epilogue {
        case .store: job.epilogue = APUS_STORE
        case .accumulate: job.epilogue = APUS_ACCUMULATE
        case .siluMultiply: job.epilogue = APUS_SILU_MULTIPLY
        }
        return job
    }

    /// y[i] = the embedding of ids[i]: a row of a weight that is packed for the output head (tied embeddings).
    package func gather(_ weight: PackedWeight, ids: UnsafeBufferPointer<Int32>, into y: Matrix) {
        precondition(weight.arrangement == .sequential && y.columns == weight.inputs && y.rows == ids.count)
        split(ids.count, grain: 8, with: (weight, ids, y)) { state, range in
            let (weight, ids, y) = state
            for row in range {
                precondition(ids[row] >= 0 && Int(ids[row]) < weight.outputs)
                weight.unpack(column: Int(ids[row]), into: y.base + row * y.stride)
            }
        }
    }

    /// y[i] = row ids[i] of a table [count, y.columns] as the checkpoint has it.
    package func gather(
        table: UnsafeRawPointer, element: ElementType, count: Int, ids: UnsafeBufferPointer<Int32>, into y: Matrix
    ) {
        precondition(y.rows == ids.count)
        split(ids.count, grain: 16, with: (kernels, table, element, count, ids, y)) { state, range in
            let (kernels, table, element, count, ids, y) = state
            for row in range {
                precondition(ids[row] >= 0 && Int(ids[row]) < count)
                kernels.pointee.convert(
                    table + Int(ids[row]) * y.columns * element.byteCount, element.kernelElement,
                    y.base + row * y.stride, APUS_FLOAT32, y.columns)
            }
        }
    }

    /// Brings activations into the family's order, in `activations`.
    private func pack(_ x: Matrix, _ family: apus_family, _ format: PackedWeight.Format) {
        activations.reserve(byteCount: x.rows * format.padded(x.columns) / family.inner_block * family.lhs_block_bytes)
        rowScales.reserve(byteCount: x.rows * MemoryLayout<Float>.stride)
        var job = apus_lhs()
        job.source = UnsafePointer(x.base)
        job.stride = x.stride
        job.rows = x.rows
        job.inner = x.columns
        job.packed = activations.base
        job.scales = rowScales.floats
        let groups = (x.rows + family.row_block - 1) / family.row_block
        // A thread is worth waking for about ten microseconds of work.
        let grain = max(1, 32_768 / (x.columns * family.row_block))
        split(groups, grain: grain, with: (job, family.pack_lhs)) { state, range in
            var (job, pack) = state
            job.group_begin = range.lowerBound
            job.group_end = range.upperBound
            pack?(&job)
        }
    }
}

/// How a product is cut for the threads: parts of columns times parts of rows.
private struct ProductCut {
    let quads: Int
    let columnParts: Int
    let panels: Int
    let groups: Int
    let rowParts: Int
    let scratchBytes: Int

    func part(_ part: Int, of job: inout apus_gemm) {
        let column = part / rowParts, row = part % rowParts
        job.panel_begin = quads * column / columnParts * 4
        job.panel_end = min(quads * (column + 1) / columnParts * 4, panels)
        job.group_begin = groups * row / rowParts
        job.group_end = groups * (row + 1) / rowParts
    }
}
