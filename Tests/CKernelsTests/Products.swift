import CKernels

/// y = x W^T through packing and GEMM of one family.
struct Product {
    let family: Family
    let inputs: Int
    let outputs: Int
    let weight: Memory

    let panels: Int

    var paddedInputs: Int { padded(inputs, 32) }

    init(family: Family, inputs: Int, outputs: Int, weight: Memory, panels: Int) {
        self.family = family
        self.inputs = inputs
        self.outputs = outputs
        self.weight = weight
        self.panels = panels
    }

    init(_ family: Family, weights: [Float], outputs: Int, inputs: Int) {
        self.family = family
        self.inputs = inputs
        self.outputs = outputs
        panels = padded(outputs, 16) / 16
        let panelBytes = padded(inputs, 32) * 16 * family.elementBytes
        weight = Memory(floats: panels * panelBytes / 4)
        weights.withUnsafeBufferPointer { source in
            for panel in 0..<panels {
                var job = apus_panel()
                job.inner = inputs
                job.packed = weight.raw + panel * panelBytes
                withUnsafeMutableBytes(of: &job.rows) { rows in
                    let rows = rows.assumingMemoryBound(to: UnsafeRawPointer?.self)
                    for lane in 0..<16 where panel * 16 + lane < outputs {
                        rows[lane] = UnsafeRawPointer(source.baseAddress! + (panel * 16 + lane) * inputs)
                    }
                }
                family.functions.pack_panel(&job)
            }
        }
    }

    /// Runs the whole product, or only some panels or groups of it, into `out` (row stride `stride`).
    func run(
        _ x: [Float], rows: Int, bias: Memory? = nil, epilogue: apus_epilogue = APUS_STORE, into out: Memory,
        stride: Int, panels part: Range<Int>? = nil, groups groupPart: Range<Int>? = nil, blocked: Bool = true
    ) {
        let groups = (rows + family.functions.row_block - 1) / family.functions.row_block
        let lhs = x.withUnsafeBufferPointer { x in Self.pack(family, x.baseAddress!, rows: rows, inner: inputs) }
        var job = apus_gemm()
        job.lhs = UnsafeRawPointer(lhs.raw)
        job.rows = rows
        job.inner = paddedInputs
        job.weight = UnsafeRawPointer(weight.raw)
        job.outputs = outputs
        job.bias = bias.map { UnsafePointer($0.floats) }
        job.out = out.floats
        job.out_stride = stride
        job.epilogue = epilogue
        job.panel_begin = part?.lowerBound ?? 0
        job.panel_end = part?.upperBound ?? panels
        job.group_begin = groupPart?.lowerBound ?? 0
        job.group_end = groupPart?.upperBound ?? groups
        let scratch = Memory(floats: family.functions.gemm_scratch(rows) / 4)
        if blocked { job.scratch = scratch.raw }
        family.functions.gemm(&job)
        precondition(scratch.isIntact)
    }

    /// Rows, one after another, in the order of the family.
    static func pack(_ family: Family, _ rows: UnsafePointer<Float>, rows count: Int, inner: Int) -> Memory {
        let functions = family.functions
        let packed = Memory(floats: count * padded(inner, 32) / functions.inner_block * functions.lhs_block_bytes / 4)
        var job = apus_lhs()
        job.source = rows
        job.stride = inner
        job.rows = count
        job.inner = inner
        job.packed = packed.raw
        job.group_end = (count + functions.row_block - 1) / functions.row_block
        functions.pack_lhs(&job)
        return packed
    }

    func callAsFunction(_ x: [Float], rows: Int) -> Memory {
        let out = Memory(floats: rows * outputs)
        run(x, rows: rows, into: out, stride: outputs)
        return out
    }
}
