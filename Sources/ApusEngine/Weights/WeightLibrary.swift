/// Makes other weights ready for a worker. Its calls take long and are made on a thread of their own, one at a time.
package protocol WeightLibrary: Sendable {
    /// Holds a model against the one in service, without reading its weights.
    ///
    /// - Parameters:
    ///   - path: A folder or a hub name; nil: where the server was started with.
    ///   - format: `load_format`; nil: as at launch.
    func check(_ path: String?, format: String?) throws(WeightFailure) -> any WeightCandidate

    /// Gives some of the memory that freed weights left for others back to the system: quick, and of no consequence but
    /// to the time of later loads.
    func giveBack(byteCount: Int)
}

/// A model that may take the place of the one in service.
package protocol WeightCandidate: Sendable {
    /// There is memory now for its weights beside those in service.
    var fitsBeside: Bool { get }

    /// - Parameters:
    ///   - pace: Called on this thread before each piece of work, of a millisecond or two: it returns when nobody else
    ///     needs the processors.
    ///   - progress: Share of the weights that is read, on this thread.
    func load(pace: () -> Void, progress: (Double) -> Void) throws(WeightFailure) -> any ResidentWeights
}

/// Weights in memory, to be adopted by a worker.
package protocol ResidentWeights: AnyObject, Sendable {}

/// Why weights cannot be had.
package enum WeightFailure: Error, Hashable, Sendable {
    /// There is no such model.
    case notFound
    /// Its files cannot be read to the end.
    case unreadable(reason: String)
    /// They are not those of the model in service with other numbers, or there is no memory for them.
    case unfit(reason: String)
}
