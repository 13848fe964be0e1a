import ApusEngine
import Synchronization

final class FakeWeights: ResidentWeights {
    let salt: UInt64

    init(salt: UInt64) {
        self.salt = salt
    }
}

/// A worker of which weights matter by their salt alone.
protocol SaltedWorker: AnyObject {
    /// By generation.
    var salts: [Int: UInt64] { get set }
}

extension SaltedWorker {
    func adopt(_ weights: any ResidentWeights, as generation: Int) {
        guard let weights = weights as? FakeWeights else { preconditionFailure("weights of another worker") }
        precondition(salts.updateValue(weights.salt, forKey: generation) == nil, "weights are adopted twice")
    }

    func drop(generation: Int) {
        precondition(salts.removeValue(forKey: generation) != nil, "weights are dropped twice")
    }
}

/// Models whose names say what comes of them: `w7` are weights of salt 7, `misfit` does not fit, `torn7` breaks while
/// it is read, anything else is not there. Without a name: salt 1, as the worker was made.
final class FakeLibrary: WeightLibrary {
    struct State {
        var hasRoom = true
        /// Loads that fail before one succeeds.
        var failures = 0
        var loads = 0
        /// Of a load, each of which asks first.
        var pieces = 0
        var onPiece: @Sendable () -> Void = {}
        /// Bytes that the system was given, call by call.
        var givenBack: [Int] = []
    }

    let state: Mutex<State>

    init(hasRoom: Bool = true) {
        state = Mutex(State(hasRoom: hasRoom))
    }

    func check(_ path: String?, format: String?) throws(WeightFailure) -> any WeightCandidate {
        guard let path else { return Candidate(library: self, salt: 1, isTorn: false) }
        if path == "misfit" { throw .unfit(reason: "another shape") }
        if let salt = number(path, "w") { return Candidate(library: self, salt: salt, isTorn: false) }
        if let salt = number(path, "torn") { return Candidate(library: self, salt: salt, isTorn: true) }
        throw .notFound
    }

    func giveBack(byteCount: Int) { state.withLock { $0.givenBack.append(byteCount) } }

    private func number(_ path: String, _ prefix: String) -> UInt64? {
        path.hasPrefix(prefix) ? UInt64(path.dropFirst(prefix.count)) : nil
    }

    private struct Candidate: WeightCandidate {
        let library: FakeLibrary
        let salt: UInt64
        let isTorn: Bool

        var fitsBeside: Bool { library.state.withLock { $0.hasRoom } }

        func load(pace: () -> Void, progress: (Double) -> Void) throws(WeightFailure) -> any ResidentWeights {
            let (pieces, onPiece) = library.state.withLock { ($0.pieces, $0.onPiece) }
            for _ in 0..<pieces {
                pace()
                onPiece()
            }
            let fails = library.state.withLock { state in
                state.loads += 1
                guard state.failures > 0 else { return false }
                state.failures -= 1
                return true
            }
            progress(0.5)
            if isTorn || fails { throw .unreadable(reason: "the file changed while it was read") }
            progress(1)
            return FakeWeights(salt: salt)
        }
    }
}

/// Jobs that wait to be run.
final class JobList: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])

    func append(_ job: @escaping @Sendable () -> Void) {
        jobs.withLock { $0.append(job) }
    }

    /// Runs the first one; false when there is none.
    @discardableResult
    func runOne() -> Bool {
        let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        job?()
        return job != nil
    }

    /// Runs the latest one, unless no more than `count` are there.
    func runLast(beyond count: Int) -> Bool {
        let job = jobs.withLock { $0.count > count ? $0.removeLast() : nil }
        job?()
        return job != nil
    }
}
