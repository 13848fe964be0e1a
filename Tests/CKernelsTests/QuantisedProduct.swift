import CKernels
import Testing

/// y = x W^T of a family that quantises.
struct QuantisedProduct {
    /// Rows in memory.
    struct Source {
        var base: UnsafeRawPointer
        /// Of a row.
        var byteCount: Int
        var element: apus_element
    }

    let family: apus_family
    let inputs: Int
    let outputs: Int
    let weight: Memory
    let scales: Memory
    let sums: Memory

    private var panels: Int { padded(outputs, 16) / 16 }
    private var blocks: Int { padded(inputs, family.inner_block) / family.inner_block }

    init(_ family: apus_family, weights: [Float], outputs: Int, inputs: Int) {
        let product = weights.withUnsafeBytes {
            Self(
                family, outputs: outputs, inputs: inputs,
                rows: Source(base: $0.baseAddress!, byteCount: inputs * 4, element: APUS_FLOAT32))
        }
        self = product
    }

    init(
        _ family: apus_family, outputs: Int, inputs: Int, rows: Source, scales rowScales: Source? = nil,
        scaleGroup: Int = 0
    ) {
        self.family = family
        self.inputs = inputs
        self.outputs = outputs
        let panels = padded(outputs, 16) / 16
        let panelBytes = padded(inputs, family.inner_block) / family.inner_block * family.panel_block_bytes
        weight = Memory(floats: panels * panelBytes / 4)
        scales = Memory(floats: panels * 16)
        sums = Memory(floats: panels * 16)
        for panel in 0..<panels {
            var job = apus_panel()
            job.inner = inputs
            job.packed = weight.raw + panel * panelBytes
            job.scales = scales.floats + panel * 16
            job.sums = (sums.raw + panel * 64).assumingMemoryBound(to: Int32.self)
            job.scale_group = scaleGroup
            for lane in 0..<16 where panel * 16 + lane < outputs {
                let row = panel * 16 + lane
                Self.set(&job.rows, lane, rows.base + row * rows.byteCount)
                Self.set(&job.elements, lane, UInt8(rows.element.rawValue))
                guard let rowScales else { continue }
                Self.set(&job.row_scales, lane, rowScales.base + row * rowScales.byteCount)
                Self.set(&job.scale_elements, lane, UInt8(rowScales.element.rawValue))
            }
            family.pack_panel(&job)
        }
    }

    /// Writes one element of an array of C.
    private static func set<Array, Element>(_ array: inout Array, _ index: Int, _ value: Element) {
        withUnsafeMutableBytes(of: &array) {
            $0.storeBytes(of: value, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
        }
    }

    func callAsFunction(_ x: [Float], rows: Int, blocked: Bool = true) -> [Float] {
        let groups = (rows + family.row_block - 1) / family.row_block
        let lhs = Memory(floats: rows * blocks * family.lhs_block_bytes / 4)
        let rowScales = Memory(floats: rows), out = Memory(floats: rows * outputs)
        let scratch = Memory(floats: family.gemm_scratch(rows) / 4)
        x.withUnsafeBufferPointer { x in
            var pack = apus_lhs()
            pack.source = x.baseAddress
            pack.stride = inputs
            pack.rows = rows
            pack.inner = inputs
            pack.packed = lhs.raw
            pack.group_end = groups
            pack.scales = rowScales.floats
            family.pack_lhs(&pack)
        }
        var job = apus_gemm()
        job.lhs = UnsafeRawPointer(lhs.raw)
        job.rows = rows
        job.inner = blocks * family.inner_block
        job.weight = UnsafeRawPointer(weight.raw)
        job.outputs = outputs
        job.out = out.floats
        job.out_stride = outputs
        job.panel_end = panels
        job.group_end = groups
        job.scratch = blocked ? scratch.raw : nil
        job.lhs_scales = UnsafePointer(rowScales.floats)
        job.weight_scales = UnsafePointer(scales.floats)
        job.weight_sums = UnsafeRawPointer(sums.raw).assumingMemoryBound(to: Int32.self)
        family.gemm(&job)
        #expect(lhs.isIntact && rowScales.isIntact && out.isIntact && scratch.isIntact && weight.isIntact)
        return out.array
    }
}

/// Numbers as bytes, and their scale: the definition.
func quantised(_ numbers: ArraySlice<Float>) -> (bytes: [Int], scale: Float) {
    let largest = numbers.reduce(0) { max($0, abs($1)) }
    let factor = largest > 0 ? 127 / largest : 0
    return (numbers.map { Int(($0 * factor).rounded(.toNearestOrEven)) }, largest / 127)
}
