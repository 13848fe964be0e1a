import CKernels
import CTileTrap
import Testing

@Suite struct DispatchTests {
    @Test func everyTableIsComplete() {
        #expect(Table.all.contains { $0.name == "scalar" })
        for table in Table.all {
            let kernels = table.kernels.pointee
            for family in [kernels.float32, kernels.bfloat16] {
                #expect(family.arithmetic != nil && family.row_block > 0)
                #expect(family.pack_lhs != nil && family.pack_panel != nil && family.gemm != nil)
                #expect(family.gemm_scratch != nil)
                #expect(family.attention != nil && family.attention_scratch != nil)
            }
            for family in [kernels.int8, kernels.int4_32, kernels.int4_128] {
                #expect(family.arithmetic != nil && family.row_block > 0)
                #expect(family.pack_lhs != nil && family.pack_panel != nil && family.gemm != nil)
                #expect(family.gemm_scratch != nil)
            }
            let functions: [Bool] = [
                kernels.convert != nil, kernels.rms_norm != nil, kernels.layer_norm != nil, kernels.rotate != nil,
                kernels.silu_multiply != nil, kernels.gelu_erf != nil, kernels.gelu_tanh != nil,
                kernels.tanh != nil, kernels.exp != nil, kernels.add != nil, kernels.argmax != nil,
                kernels.maximum != nil, kernels.exponentials != nil, kernels.scale != nil, kernels.dot != nil,
            ]
            #expect(!functions.contains(false), "\(table)")
        }
    }

    @Test func namesAreThoseOfTheTables() throws {
        var next = try #require(apus_kernels_names())
        var names: [String] = []
        while let name = next.pointee {
            names.append(String(cString: name))
            next += 1
        }
        #expect(Set(Table.native.map(\.name)).isSubset(of: names))
        #expect(apus_kernels_named("mmx") == nil)
        #expect(apus_kernels_named("") == nil)
        for table in Table.native { #expect(apus_kernels_named(table.name) == table.kernels) }
    }

    /// Emulated tiles are for tests: no machine gets them unasked.
    @Test func theBestTableIsReal() throws {
        let best = try #require(apus_kernels_best())
        #expect(names(of: best) != "amx-soft")
        #expect(Table.native.contains { $0.kernels == best })
    }

    /// A trap that nothing falls into would test nothing.
    @Test(.enabled(if: Table.tiles != nil && Table.named("amx") == nil)) func tileInstructionsAreTrapped() throws {
        let before = apus_tile_trap_count()
        let family = Family.of(try #require(Table.tiles), bfloat16: true)
        _ = Product(family, weights: [Float](repeating: 1, count: 64), outputs: 2, inputs: 32)(
            [Float](repeating: 1, count: 32), rows: 1)
        #expect(apus_tile_trap_count() > before)
    }

    /// int4 products are by tiles where it pays, and where it does not, by what has no tiles.
    @Test(.enabled(if: Table.tiles != nil && Table.named("amx") == nil), arguments: [false, true])
    func tilesMultiplyInt4FromEightRowsOn(inGroupsOf128: Bool) throws {
        let kernels = try #require(Table.tiles).kernels.pointee
        let weights = [Float](repeating: 1, count: 3 * 160)
        let product = QuantisedProduct(
            inGroupsOf128 ? kernels.int4_128 : kernels.int4_32, weights: weights, outputs: 3, inputs: 160)
        for rows in [1, 7, 8, 33] {
            let before = apus_tile_trap_count()
            _ = product([Float](repeating: 1, count: rows * 160), rows: rows)
            #expect((apus_tile_trap_count() > before) == (rows >= 8))
        }
    }

    private func names(of table: UnsafePointer<apus_kernels>) -> String { String(cString: table.pointee.name) }
}
