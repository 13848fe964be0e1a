import ApusCheckpoint
import ApusTensor

/// A feed-forward layer of many experts of which each token visits a few (Shazeer et al. 2017, arXiv 1701.06538; Jiang
/// et al. 2024, arXiv 2401.04088), with Qwen2-MoE beside one that every token visits behind a gate.
struct SparseMLP {
    private let layer: Int
    private let chosen: Int
    private let normalizesShares: Bool
    /// Scores of the experts, and after them the shared expert's gate.
    private let router: PackedWeight
    private let gateUp: [PackedWeight]
    private let down: [PackedWeight]
    private let shared: MLP?

    /// - Parameter scope: The decoder layer's place.
    init(_ scope: WeightScope, _ configuration: ModelConfiguration, _ experts: ExpertConfiguration, layer: Int) throws {
        self.layer = layer
        chosen = experts.chosen
        normalizesShares = experts.normalizesShares
        let size = configuration.hiddenSize
        let names = ExpertNames(scope, configuration)
        let place = scope.scope(names.place)
        (gateUp, down) = try names.load(place.scope("experts"), experts, hiddenSize: size)
        let gates = [("gate", experts.count)] + (experts.sharedWidth == nil ? [] : [("shared_expert_gate", 1)])
        router = try place.projection(gates, inputs: size, bias: false, as: .router)
        shared = try experts.sharedWidth.map { width in
            try MLP(place.scope("shared_expert"), hiddenSize: size, width: width, bias: false)
        }
    }

    /// hidden += MLP(x). x, hidden: [rows, hiddenSize]
    func callAsFunction(_ x: Matrix, addingTo hidden: Matrix, _ context: ForwardContext) {
        route(x, context)
        visit(x, addingTo: hidden, context)
    }

    /// Chooses the experts of each row, and tells whoever listens.
    func route(_ x: Matrix, _ context: ForwardContext) {
        let scores = scores(x, context)
        context.runtime.route(
            scores.columns(0..<gateUp.count), chosen: chosen, normalizes: normalizesShares, into: context.routing)
        context.observer?.note(layer: layer, context.routing.experts)
    }

    /// The same for rows whose choice has been noted already.
    func again(_ x: Matrix, addingTo hidden: Matrix, _ context: ForwardContext) {
        let observer = context.observer
        context.observer = nil
        self(x, addingTo: hidden, context)
        context.observer = observer
    }

    private func scores(_ x: Matrix, _ context: ForwardContext) -> Matrix {
        let scores = context.scores.matrix(rows: x.rows, columns: router.outputs)
        context.runtime.linear(x, router, into: scores)
        return scores
    }

    private func visit(_ x: Matrix, addingTo hidden: Matrix, _ context: ForwardContext) {
        let runtime = context.runtime
        let routing = context.routing
        let expanded = context.expanded.matrix(rows: routing.groupedRows, columns: down[0].inputs)
        runtime.linear(x, isGrouped: false, gateUp, routing, into: expanded, epilogue: .siluMultiply)
        let grouped = context.grouped.matrix(rows: routing.groupedRows, columns: hidden.columns)
        runtime.linear(expanded, isGrouped: true, down, routing, into: grouped)
        runtime.combine(grouped, routing, addingTo: hidden)
        guard let shared else { return }
        let output = context.grouped.matrix(rows: x.rows, columns: hidden.columns)
        shared(x, into: output, epilogue: .store, context)
        // The scores are still there: nothing after them uses their memory.
        let gates = context.scores.matrix(rows: x.rows, columns: router.outputs)
        runtime.addGated(output, gates: gates.columns(gateUp.count..<router.outputs), to: hidden)
    }

    var byteCount: Int {
        (gateUp + down).reduce(router.byteCount + (shared?.byteCount ?? 0)) { $0 + $1.byteCount }
    }
}

/// What a checkpoint calls a layer's experts. Each is a set of tensors of its own, or all are one tensor a projection, as
/// transformers 5 keeps them in memory and writes them on request.
private struct ExpertNames {
    /// Below the decoder layer: `gate` and `experts` are there.
    let place: String
    let gate: String
    let up: String
    let down: String

    init(_ scope: WeightScope, _ configuration: ModelConfiguration) {
        // Mixtral's own names; transformers 5 knows it by those of the others once they are fused.
        let isMixtral = configuration.architecture.hasPrefix("Mixtral") && !scope.contains("mlp.gate.weight")
        place = isMixtral ? "block_sparse_moe" : "mlp"
        gate = isMixtral ? "w1" : "gate_proj"
        up = isMixtral ? "w3" : "up_proj"
        down = isMixtral ? "w2" : "down_proj"
    }

    /// - Parameter scope: Place of the experts.
    func load(
        _ scope: WeightScope, _ experts: ExpertConfiguration, hiddenSize: Int
    ) throws -> (gateUp: [PackedWeight], down: [PackedWeight]) {
        let width = experts.width
        if scope.contains("gate_up_proj") {
            return (
                try scope.stack(
                    "gate_up_proj", count: experts.count, parts: [width, width], inputs: hiddenSize,
                    arrangement: .paired),
                try scope.stack("down_proj", count: experts.count, parts: [hiddenSize], inputs: width)
            )
        }
        var gateUps: [PackedWeight] = []
        var downs: [PackedWeight] = []
        for expert in 0..<experts.count {
            let scope = WeightScope(loader: scope.loader, path: "\(scope.path).\(expert)")
            gateUps.append(
                try scope.projection(
                    [(gate, width), (up, width)], inputs: hiddenSize, bias: false, arrangement: .paired))
            downs.append(try scope.projection([(down, hiddenSize)], inputs: width, bias: false))
        }
        return (gateUps, downs)
    }
}
