import ApusCore
import ApusEngine
import ApusWire

/// A text is bound to the weights that are current when it comes, and its vector is made on them.
extension EmbeddingScheduler: WeightHost {
    var holder: any WeightHolder { worker }
    var now: Double { clock() }

    var isPaused: Bool { false }
    var generationsInUse: Set<Int> { generations.resident.filter { queue.waits(for: $0) } }
    var hasBegun: Bool { !generationsInUse.isEmpty }

    /// Texts that come are not bound: the weights that they will run on are not there yet.
    var isHolding: Bool {
        switch weightWork.stage {
        case .draining, .loadingInPlace, .restoring: true
        default: weightsLost != nil
        }
    }

    func begin(_ control: ControlCall) -> ControlReply? { preconditionFailure("\(control) is not of weights") }

    // Nothing is kept from one step to the next.
    func vacate() {}
    func forgetCache(of generation: Int) {}
    func weightsWillChange() {}
    func weightsDidChange(flushesCache: Bool) {}

    func refuseEverything(_ reason: String) {
        for request in queue.removeAll() { end(request.rid, .refused(reason, status: 503)) }
    }

    func announce() {
        if ready != announced { greet() }
    }

    /// Whoever hears of the outcome hears of what has changed first.
    func answer(_ call: UInt64?, _ reply: ControlReply) {
        announce()
        if let call { front.send(.controlled(call: call, reply)) }
    }
}
