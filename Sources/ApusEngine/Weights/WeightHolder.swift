/// A worker whose weights can be others: it holds several at a time, and runs on those that its caller names.
package protocol WeightHolder: AnyObject {
    /// Keeps further weights, which its caller names by `generation`; those that it was made with are generation 0.
    func adopt(_ weights: any ResidentWeights, as generation: Int)
    /// Lets go of weights that nobody names any more.
    func drop(generation: Int)
    /// The first rows of a tensor, or of a vector one row of its first numbers; nil: there is none of that name.
    func readWeights(_ generation: Int, _ name: String, rowCount: Int) -> (shape: [Int], rows: [[Float]])?
}
