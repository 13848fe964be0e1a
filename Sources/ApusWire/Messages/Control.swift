/// What an operator asks of a scheduler's weights, streams and memory; each call has exactly one `ControlReply`.
package enum ControlCall: Sendable, Equatable {
    /// Serve another checkpoint of the same shape.
    case updateWeights(WeightUpdate)
    /// The weights in service get another name.
    case nameWeights(version: String)
    /// The first rows of a tensor of the weights in service, by its name in the checkpoint.
    case readWeights(name: String, rowCount: Int)
    case pause(PauseMode)
    /// Ends a pause.
    case proceed
    /// Gives memory back to the system; only while nothing runs.
    case releaseMemory(MemoryParts)
    case resumeMemory(MemoryParts)
    /// For the scheduler and the detokenizer behind it.
    case configureLogging(LogSettings)
    case recordExperts(ExpertAction)
}

/// What a recorder of the experts' visits is told; any order is fine.
package enum ExpertAction: UInt8, Sendable, CaseIterable {
    /// Begin, from nothing.
    case start = 1
    case stop = 2
    /// Write what there is to files, and forget it.
    case dump = 3
}

/// How a control call ended.
package enum ControlReply: Sendable, Equatable {
    case done(message: String)
    /// Nothing has changed.
    case failed(message: String)
    /// The answer to `readWeights`: a JSON array of numbers, or of rows.
    case rows(json: String)
}

/// Other weights to be served.
package struct WeightUpdate: Sendable, Hashable {
    /// A folder or a hub name.
    package var path: String
    /// `load_format`; nil: as at launch.
    package var format: String?
    /// What the new weights are called; nil: as the old ones.
    package var version: String?
    /// Drop what is cached of the old weights at once, rather than when their last request ends. Neither is matched.
    package var flushesCache: Bool

    package init(path: String, format: String? = nil, version: String? = nil, flushesCache: Bool = true) {
        self.path = path
        self.format = format
        self.version = version
        self.flushesCache = flushesCache
    }
}

/// What becomes of running requests while a scheduler is paused; new ones wait in any case.
package enum PauseMode: UInt8, Sendable, CaseIterable {
    /// They end.
    case abort = 1
    /// They return to the queue and give their KV back.
    case retract = 2
    /// They keep what they have.
    case inPlace = 3
}

/// What the processes' logs tell from now on; nil: as before.
package struct LogSettings: Sendable, Hashable {
    /// The least level that is logged, as `--log-level` names it.
    package var level: String?
    /// Requests are named at info rather than at debug.
    package var logsRequests: Bool?

    package init(level: String? = nil, logsRequests: Bool? = nil) {
        self.level = level
        self.logsRequests = logsRequests
    }
}

/// Memory that can be given back.
package struct MemoryParts: Sendable, Hashable {
    package var kvCache: Bool
    package var weights: Bool

    package init(kvCache: Bool, weights: Bool) {
        self.kvCache = kvCache
        self.weights = weights
    }
}

/// From `start` on, a request's tokens were made by the weights of this version.
package struct WeightSpan: Sendable, Hashable {
    package var version: String
    /// Index in the request's output.
    package var start: Int

    package init(version: String, start: Int) {
        self.version = version
        self.start = start
    }
}
