/// Hears which experts the rows of a step visit.
package protocol RoutingObserver: AnyObject {
    /// One sparse layer of a step: its number among all layers, and [rows, chosen] numbers of experts, the largest share
    /// first. Rows are all rows of the step, in order.
    func note(layer: Int, _ experts: [Int32])
}
