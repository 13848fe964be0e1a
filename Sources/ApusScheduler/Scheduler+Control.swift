import ApusEngine
import ApusWire
import Logging

extension Scheduler {
    func operate(_ control: ControlCall, call: UInt64) {
        switch control {
        case .pause(let mode):
            pause(mode)
            answer(call, .done(message: "Generation paused successfully."))
        case .proceed:
            pauseMode = nil
            logger.info("Generation continues.")
            answer(call, .done(message: "Generation continued successfully."))
        case .configureLogging(let settings):
            configure(settings)
            answer(call, .done(message: ""))
        case .readWeights(let name, let rowCount):
            answer(call, readWeights(name, rowCount))
        case .recordExperts(let action):
            if let reply = experts.operate(action, call: call) { answer(call, reply) }
        case .updateWeights, .nameWeights, .releaseMemory, .resumeMemory:
            if !weightWork.add(control, call: call) { answer(call, WeightWork.refusal) }
        }
    }

    /// Whoever hears of the outcome hears of what has changed first.
    func answer(_ call: UInt64?, _ reply: ControlReply) {
        announce()
        if let call { front.send(.controlled(call: call, reply)) }
    }

    /// Tells the front what it reports of the model, if that has changed.
    func announce() {
        let ready = ready
        guard ready != announced else { return }
        announced = ready
        front.send(.ready(ready))
    }

    // MARK: - Pause

    /// Nothing runs now, whatever waits.
    var isHeld: Bool { pauseMode != nil || !generations.isThere || isCacheReleased }

    private func pause(_ mode: PauseMode) {
        switch mode {
        case .abort:
            for request in inArrivalOrder { abort(request) }
        case .retract:
            for request in inArrivalOrder where request.phase == .prefilling || request.phase == .decoding {
                retract(request)
            }
        case .inPlace: break
        }
        decoding.sweep()
        pauseMode = mode
        logger.info("Generation is paused (\(mode)): \(queue.count) requests wait, \(decoding.count) are frozen.")
    }

    var inArrivalOrder: [Request] { requests.values.sorted { $0.arrival < $1.arrival } }

    /// A request's KV is in the pool, locked or held.
    var isCacheInUse: Bool {
        prefilling != nil || decoding.requests.contains { $0.phase == .decoding }
    }
}
