import ApusEngine
import ApusJSON
import ApusWire

/// What operators asked of the weights and the memory: done one after the other, in order.
struct WeightWork {
    /// `call` is nil when nobody waits for the reply any more.
    struct Item {
        var call: UInt64?
        let control: ControlCall
    }

    /// How far the first item has come.
    enum Stage {
        case idle
        /// The new model's files are held against the one in service.
        case checking(WeightUpdate)
        /// The update before still has streams on the weights that it replaced: requests never run on more than two
        /// versions, so that a step never makes more than two passes.
        case waiting(WeightUpdate, any WeightCandidate)
        /// Beside the weights in service.
        case loading(WeightUpdate)
        /// Loaded, and put in service as soon as that leaves two versions: a pause may have ended meanwhile.
        case ready(WeightUpdate, any ResidentWeights)
        /// There is no room for both: the old ones must be there to return to.
        case checkingOld(WeightUpdate, any WeightCandidate)
        /// Requests in flight come to their end; new ones wait.
        case draining(WeightUpdate, any WeightCandidate, old: any WeightCandidate)
        case loadingInPlace(WeightUpdate, old: any WeightCandidate)
        /// The old ones, after the new ones failed; carries why.
        case restoring(WeightFailure)
        /// Weights that were released.
        case checkingReturn
        case loadingReturn
    }

    enum Mode: String {
        case beside
        case inPlace = "in_place"
        /// Frozen requests went over to the new weights.
        case paused
    }

    /// So many may wait; whoever asks for more is refused.
    static let patience = 16

    var items: [Item] = []
    var stage = Stage.idle
    /// How the last update was done, and how many there were.
    var mode: Mode?
    var updates = 0
    var failures = 0

    /// Only requests that have begun may run.
    var isDraining: Bool { if case .draining = stage { true } else { false } }

    /// `weight_update` of the server's state.
    var json: JSONValue {
        [
            "mode": JSONValue(mode?.rawValue), "updates": .integer(Int64(updates)),
            "failures": .integer(Int64(failures)), "pending": .integer(Int64(items.count)),
        ]
    }

    /// Puts an operation at the end of the line; false: too many wait already.
    mutating func add(_ control: ControlCall, call: UInt64) -> Bool {
        guard items.count < Self.patience else { return false }
        items.append(Item(call: call, control: control))
        return true
    }

    /// The answer to whom is refused.
    static let refusal = ControlReply.failed(
        message: "\(patience) operations on the weights wait already; try again later.")

    /// Another front cannot make sense of the replies to come.
    mutating func forgetCallers() {
        for index in items.indices { items[index].call = nil }
    }
}

extension WeightFailure {
    /// The words of `/update_weights_from_disk`.
    func words(of update: WeightUpdate) -> String {
        switch self {
        case .notFound: "Failed to get weights iterator: \(update.path) (repository not found)."
        case .unreadable(let reason): "Failed to get weights iterator: \(reason)."
        case .unfit(let reason): "Failed to update weights: \(reason).\nRolling back to original weights."
        }
    }

    var reason: String {
        switch self {
        case .notFound: "the model is not there"
        case .unreadable(let reason), .unfit(let reason): reason
        }
    }
}
