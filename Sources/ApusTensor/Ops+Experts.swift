import CKernels

/// A group of packed rows of one expert: what one thread packs at a time.
struct ExpertBlock {
    /// Grouped rows.
    var rows: Range<Int>
}

/// A part of one expert's columns for all of its rows: what one thread multiplies at a time.
struct ExpertTask {
    var expert: Int
    var panels: Range<Int>
    /// Row groups times panels.
    var cost: Int
}

extension TensorRuntime {
    /// Chooses experts for each row: the largest of the softmax over its scores, equal ones by number.
    ///
    /// A row's choice depends on its scores alone. A score that is no number is never chosen while others are left.
    ///
    /// - Parameters:
    ///   - scores: [rows, experts]
    ///   - chosen: Experts for each row.
    ///   - normalizes: The shares are divided by their sum.
    package func route(_ scores: Matrix, chosen: Int, normalizes: Bool, into routing: ExpertRouting) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(chosen > 0 && chosen <= scores.columns)
        routing.prepare(rows: scores.rows, chosen: chosen)
        let count = scores.columns
        routing.experts.withUnsafeMutableBufferPointer { experts in
            routing.shares.withUnsafeMutableBufferPointer { shares in
                let state = (kernels, scores, chosen, normalizes, experts.baseAddress!, shares.baseAddress!)
                split(scores.rows, grain: grain(count), with: state) { state, range in
                    let (kernels, scores, chosen, normalizes, experts, shares) = state
                    let count = scores.columns
                    for row in range {
                        let line = UnsafePointer(scores.base + row * scores.stride)
                        let first = row * chosen
                        Self.choose(line, count: count, chosen: chosen, experts: experts + first)
                        let largest = kernels.pointee.maximum(line, count)
                        var sum = kernels.pointee.exponentials(line, largest, 1, nil, count)
                        let numbers = shares + first
                        for index in 0..<chosen { numbers[index] = line[Int(experts[first + index])] }
                        let kept = kernels.pointee.exponentials(numbers, largest, 1, numbers, chosen)
                        if normalizes { sum = kept }
                        for index in 0..<chosen { numbers[index] /= sum }
                    }
                }
            }
        }
        routing.group(expertCount: count)
    }

    /// The numbers of the largest scores, by insertion: few are chosen, and most scores end at the first comparison.
    private static func choose(
        _ scores: UnsafePointer<Float>, count: Int, chosen: Int, experts: UnsafeMutablePointer<Int32>
    ) {
        func score(_ expert: Int32) -> Float {
            let score = scores[Int(expert)]
            return score.isNaN ? -.infinity : score
        }
        var found = 0
        for candidate in 0..<Int32(count) {
            let value = score(candidate)
            if found == chosen, value <= score(experts[chosen - 1]) { continue }
            var place = min(found, chosen - 1)
            while place > 0, score(experts[place - 1]) < value {
                experts[place] = experts[place - 1]
                place -= 1
            }
            experts[place] = candidate
            found = min(found + 1, chosen)
        }
    }

    /// For each expert, y of its rows = x of its rows times its weight: the first product of a visit, which gathers the
    /// rows of `x`, or a later one, whose `x` is grouped already.
    ///
    /// Only weights of experts that are visited are read. A row of y depends on one row of x and on its expert, bit for
    /// bit, whatever other rows visit whom.
    ///
    /// - Parameters:
    ///   - x: [routing.rows, inputs], or with `isGrouped` [routing.groupedRows, inputs].
    ///   - weights: One for each expert, of one shape.
    ///   - y: [routing.groupedRows, outputs]; half as many columns for `siluMultiply`.
    package func linear(
        _ x: Matrix, isGrouped: Bool, _ weights: [PackedWeight], _ routing: ExpertRouting, into y: Matrix,
        epilogue: Epilogue = .store
    ) {
        let mark = start(.products)
        defer { finish(mark) }
        let weight = weights[0]
        precondition(x.columns == weight.inputs && x.rows == (isGrouped ? routing.groupedRows : routing.rows))
        precondition(y.rows == routing.groupedRows)
        precondition(y.columns == (epilogue == .siluMultiply ? weight.outputs / 2 : weight.outputs))
        precondition((epilogue == .siluMultiply) == (weight.arrangement == .paired))
        precondition(weight.hasNumbers)
        guard routing.groupedRows > 0 else { return }
        let family = family(of: weight.format)
        plan(routing, experts: weights.count, panels: weight.panels, rowBlock: family.row_block)
        pack(x, isGrouped: isGrouped, weight, routing, family)
        let rowBytes = weight.paddedInputs / family.inner_block * family.lhs_block_bytes
        let state = (runtime: self, weights, routing, y, epilogue, family, rowBytes)
        pool.run(count: expertTasks.count, with: state) { state, index, worker in
            let (runtime, weights, routing, y, epilogue, family, rowBytes) = state
            let task = runtime.expertTasks[index]
            let rows = routing.rows(of: task.expert)
            var job = runtime.product(weights[task.expert], epilogue)
            job.lhs = UnsafeRawPointer(runtime.activations.base + rows.lowerBound * rowBytes)
            job.rows = rows.count
            job.out = y.base + rows.lowerBound * y.stride
            job.out_stride = y.stride
            job.lhs_scales = UnsafePointer(runtime.rowScales.floats + rows.lowerBound)
            job.panel_begin = task.panels.lowerBound
            job.panel_end = task.panels.upperBound
            job.group_end = (rows.count + family.row_block - 1) / family.row_block
            if job.group_end > 1 {
                runtime.scratch[worker].reserve(byteCount: family.gemm_scratch(rows.count))
                job.scratch = runtime.scratch[worker].base
            }
            family.gemm(&job)
        }
    }

    /// Cuts the products into parts of about equal cost: one token that visits eight experts keeps all threads as busy
    /// as a prompt whose tokens visit all of them.
    private func plan(_ routing: ExpertRouting, experts: Int, panels: Int, rowBlock: Int) {
        expertBlocks.removeAll(keepingCapacity: true)
        expertTasks.removeAll(keepingCapacity: true)
        let quads = (panels + 3) / 4
        var groupSum = 0
        var hasLargeGroups = false
        for expert in 0..<experts {
            let rows = routing.rows(of: expert)
            let groups = (rows.count + rowBlock - 1) / rowBlock
            groupSum += groups
            hasLargeGroups = hasLargeGroups || groups > 1
            var start = rows.lowerBound
            for group in 0..<groups {
                // As the kernels cut rows: sizes differ by one at most, the larger ones first.
                let size = rows.count / groups + (group < rows.count % groups ? 1 : 0)
                expertBlocks.append(ExpertBlock(rows: start..<start + size))
                start += size
            }
        }
        let share = max(1, groupSum * quads / (pool.threadCount * 8))
        for expert in 0..<experts {
            let groups = (routing.rows(of: expert).count + rowBlock - 1) / rowBlock
            guard groups > 0 else { continue }
            let parts = min(quads, max(1, (groups * quads + share / 2) / share))
            for part in 0..<parts {
                let range = quads * part / parts * 4..<min(quads * (part + 1) / parts * 4, panels)
                expertTasks.append(ExpertTask(expert: expert, panels: range, cost: groups * range.count))
            }
        }
        // The most expensive first, so that the threads end together; single groups cost the same.
        if hasLargeGroups { expertTasks.sort { $0.cost > $1.cost } }
    }

    /// Brings each expert's rows into its family's order, one after another in `activations`.
    private func pack(
        _ x: Matrix, isGrouped: Bool, _ weight: PackedWeight, _ routing: ExpertRouting, _ family: apus_family
    ) {
        let rowBytes = weight.paddedInputs / family.inner_block * family.lhs_block_bytes
        activations.reserve(byteCount: routing.groupedRows * rowBytes)
        rowScales.reserve(byteCount: routing.groupedRows * MemoryLayout<Float>.stride)
        let state = (runtime: self, x, isGrouped, routing, family, rowBytes)
        pool.run(count: expertBlocks.count, with: state) { state, index, worker in
            let (runtime, x, isGrouped, routing, family, rowBytes) = state
            let rows = runtime.expertBlocks[index].rows
            var job = apus_lhs()
            if isGrouped {
                job.source = UnsafePointer(x.base + rows.lowerBound * x.stride)
                job.stride = x.stride
            } else {
                let width = Matrix.paddedStride(x.columns)
                let scratch = runtime.scratch[worker]
                scratch.reserve(byteCount: rows.count * width * MemoryLayout<Float>.stride)
                let copies = scratch.floats
                for (copy, row) in rows.enumerated() {
                    (copies + copy * width).update(
                        from: x.base + Int(routing.sources[row]) * x.stride, count: x.columns)
                }
                job.source = UnsafePointer(copies)
                job.stride = width
            }
            job.rows = rows.count
            job.inner = x.columns
            job.packed = runtime.activations.base + rows.lowerBound * rowBytes
            job.scales = runtime.rowScales.floats + rows.lowerBound
            job.group_end = 1
            family.pack_lhs(&job)
        }
    }

    /// y[row] += the row's visits times their shares, in the order of the choice.
    ///
    /// grouped: [routing.groupedRows, columns]
    package func combine(_ grouped: Matrix, _ routing: ExpertRouting, addingTo y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(grouped.rows == routing.groupedRows && y.rows == routing.rows && y.columns == grouped.columns)
        split(y.rows, grain: grain(y.columns * routing.chosen), with: (kernels, grouped, routing, y)) { state, range in
            let (kernels, grouped, routing, y) = state
            for row in range {
                let out = y.base + row * y.stride
                for visit in row * routing.chosen..<(row + 1) * routing.chosen {
                    let source = grouped.base + Int(routing.places[visit]) * grouped.stride
                    kernels.pointee.add_scaled(out, source, routing.shares[visit], out, y.columns)
                }
            }
        }
    }

    /// y[row] += sigmoid(gates[row]) x[row]. gates: [rows, 1]
    package func addGated(_ x: Matrix, gates: Matrix, to y: Matrix) {
        let mark = start(.elementwise)
        defer { finish(mark) }
        precondition(x.rows == y.rows && gates.rows == y.rows && gates.columns == 1 && x.columns == y.columns)
        split(y.rows, grain: grain(y.columns), with: (kernels, x, gates, y)) { state, range in
            let (kernels, x, gates, y) = state
            for row in range {
                // exp(-x) overflows to infinity where the sigmoid is 0.
                var negated = -gates.base[row * gates.stride]
                var exponential: Float = 0
                kernels.pointee.exp(&negated, &exponential, 1)
                let out = y.base + row * y.stride
                kernels.pointee.add_scaled(out, x.base + row * x.stride, 1 / (1 + exponential), out, y.columns)
            }
        }
    }
}
