/// What a model's mixtures of experts look like, as far as it matters to whoever counts their visits.
package struct ExpertShape: Sendable, Hashable {
    /// All layers of the model, dense ones included.
    package let layerCount: Int
    /// Experts of a sparse layer.
    package let expertCount: Int
    /// Experts that a token visits in each sparse layer.
    package let chosen: Int

    package init(layerCount: Int, expertCount: Int, chosen: Int) {
        self.layerCount = layerCount
        self.expertCount = expertCount
        self.chosen = chosen
    }

    /// A model without experts.
    package static let dense = ExpertShape(layerCount: 0, expertCount: 0, chosen: 0)
}
