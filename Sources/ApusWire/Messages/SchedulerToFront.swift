package import ApusCore

/// Replies of the scheduler that carry no tokens, straight to the front.
package enum SchedulerToFront: Sendable, Equatable {
    /// Loading has begun or gone on; `share` in 0...1.
    case loading(schedulerEpoch: UInt64, processID: Int32, share: Double)
    case ready(SchedulerReady)
    case heartbeat(Heartbeat, load: SchedulerLoad)
    /// Requests that end without ever having run: refused, or aborted in the queue.
    case ended([EndedRequest])
    /// The endings of `FrontToScheduler.embed` requests that ran.
    case embeddings([EmbeddingReply])
    /// A health check was noticed by a living scheduler.
    case healthy(rid: String)
    case flushed(call: UInt64, outcome: FlushOutcome)
    case state(call: UInt64, SchedulerState)
    case controlled(call: UInt64, ControlReply)
}

/// Sent once the weights are loaded and the KV pool is there, and again whenever any of it has changed.
package struct SchedulerReady: Sendable, Equatable {
    package var schedulerEpoch: UInt64
    package var processID: Int32
    package var maxTotalTokens: Int
    package var maxRequestInputLength: Int
    package var maxRunningRequests: Int
    package var contextLength: Int
    package var vocabularySize: Int
    /// Tokens that end a sequence, from config.json and generation_config.json.
    package var endTokenIDs: [Int32]
    package var weightVersion: String
    /// Where the weights in service came from, if not from where the server was started with.
    package var modelPath: String?
    /// Requests are taken, and wait.
    package var isPaused: Bool
    /// Facts for `/get_server_info` as one JSON object (kernel, dtype, memory, start-up seconds).
    package var details: String

    package init(
        schedulerEpoch: UInt64, processID: Int32, maxTotalTokens: Int, maxRequestInputLength: Int,
        maxRunningRequests: Int, contextLength: Int, vocabularySize: Int, endTokenIDs: [Int32], weightVersion: String,
        details: String, modelPath: String? = nil, isPaused: Bool = false
    ) {
        self.schedulerEpoch = schedulerEpoch
        self.processID = processID
        self.maxTotalTokens = maxTotalTokens
        self.maxRequestInputLength = maxRequestInputLength
        self.maxRunningRequests = maxRunningRequests
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
        self.endTokenIDs = endTokenIDs
        self.weightVersion = weightVersion
        self.modelPath = modelPath
        self.isPaused = isPaused
        self.details = details
    }
}

/// A request that never ran.
package struct EndedRequest: Sendable, Equatable {
    package var rid: String
    package var finish: FinishReason

    package init(rid: String, finish: FinishReason) {
        self.rid = rid
        self.finish = finish
    }
}

/// A text's vector, or the numbers of a classifier.
package struct EmbeddingReply: Sendable, Equatable {
    package var rid: String
    package var vector: [Float]
    package var promptTokens: Int
    package var timing: Timing
    /// Of the weights that made it.
    package var weightVersion: String

    package init(
        rid: String, vector: [Float], promptTokens: Int, timing: Timing = Timing(), weightVersion: String = "default"
    ) {
        self.weightVersion = weightVersion
        self.rid = rid
        self.vector = vector
        self.promptTokens = promptTokens
        self.timing = timing
    }
}

package enum FlushOutcome: UInt8, Sendable, CaseIterable {
    case flushed
    case busy
    case timedOut
    case alreadyInProgress
}

/// How much the scheduler has on its hands.
package struct SchedulerLoad: Sendable, Equatable {
    package var running: Int
    package var queued: Int
    /// KV pool accounting in tokens: free + cached + held = total.
    package var freeTokens: Int
    package var cachedTokens: Int
    package var heldTokens: Int
    /// Tokens generated a second, over the last decode interval.
    package var generationThroughput: Double
    /// As they were some time ago: heartbeats renew them.
    package var figures: SchedulerFigures

    package init(
        running: Int, queued: Int, freeTokens: Int, cachedTokens: Int, heldTokens: Int, generationThroughput: Double,
        figures: SchedulerFigures = SchedulerFigures()
    ) {
        self.running = running
        self.queued = queued
        self.freeTokens = freeTokens
        self.cachedTokens = cachedTokens
        self.heldTokens = heldTokens
        self.generationThroughput = generationThroughput
        self.figures = figures
    }
}

/// The scheduler's part of `/get_server_info`.
package struct SchedulerState: Sendable, Equatable {
    package var load: SchedulerLoad
    /// Facts that change while serving, as one JSON object.
    package var details: String

    package init(load: SchedulerLoad, details: String) {
        self.load = load
        self.details = details
    }
}
