extension SchedulerToFront: LinkMessage {
    package static var link: LinkKind { .schedulerToFront }

    private enum Tag: UInt8 {
        case loading = 1
        case ready = 2
        case heartbeat = 3
        case ended = 4
        case healthy = 5
        case flushed = 6
        case state = 7
        case controlled = 16
        case embeddings = 17
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .loading(let schedulerEpoch, let processID, let share):
            writer.append(tag: Tag.loading)
            writer.append(schedulerEpoch)
            writer.append(processID)
            writer.append(share)
        case .ready(let ready):
            writer.append(tag: Tag.ready)
            writer.append(ready)
        case .heartbeat(let heartbeat, let load):
            writer.append(tag: Tag.heartbeat)
            writer.append(heartbeat)
            writer.append(load)
        case .ended(let requests):
            writer.append(tag: Tag.ended)
            writer.append(requests)
        case .embeddings(let replies):
            writer.append(tag: Tag.embeddings)
            writer.append(replies)
        case .healthy(let rid):
            writer.append(tag: Tag.healthy)
            writer.append(rid)
        case .flushed(let call, let outcome):
            writer.append(tag: Tag.flushed)
            writer.append(call)
            writer.append(tag: outcome)
        case .state(let call, let state):
            writer.append(tag: Tag.state)
            writer.append(call)
            writer.append(state)
        case .controlled(let call, let reply):
            writer.append(tag: Tag.controlled)
            writer.append(call)
            writer.append(reply)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .loading:
            self = .loading(
                schedulerEpoch: try reader.value(), processID: try reader.value(), share: try reader.value())
        case .ready: self = .ready(try reader.value())
        case .heartbeat: self = .heartbeat(try reader.value(), load: try reader.value())
        case .ended: self = .ended(try reader.value())
        case .embeddings: self = .embeddings(try reader.value())
        case .healthy: self = .healthy(rid: try reader.value())
        case .flushed: self = .flushed(call: try reader.value(), outcome: try reader.tag())
        case .state: self = .state(call: try reader.value(), try reader.value())
        case .controlled: self = .controlled(call: try reader.value(), try reader.value())
        }
    }

    package func halves() -> (SchedulerToFront, SchedulerToFront)? {
        switch self {
        case .ended(let requests): ApusWire.halves(requests) { .ended($0) }
        case .embeddings(let replies): ApusWire.halves(replies) { .embeddings($0) }
        default: nil
        }
    }
}

extension SchedulerReady: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(schedulerEpoch)
        writer.append(processID)
        writer.append(maxTotalTokens)
        writer.append(maxRequestInputLength)
        writer.append(maxRunningRequests)
        writer.append(contextLength)
        writer.append(vocabularySize)
        writer.append(endTokenIDs)
        writer.append(weightVersion)
        writer.append(details)
        writer.append(modelPath)
        writer.append(isPaused)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            schedulerEpoch: try reader.value(), processID: try reader.value(), maxTotalTokens: try reader.value(),
            maxRequestInputLength: try reader.value(), maxRunningRequests: try reader.value(),
            contextLength: try reader.value(), vocabularySize: try reader.value(), endTokenIDs: try reader.value(),
            weightVersion: try reader.value(), details: try reader.value(), modelPath: try reader.value(),
            isPaused: try reader.value())
    }
}

extension EndedRequest: WireElement {
    package static var leastByteCount: Int { String.leastByteCount + 1 }

    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(finish)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(rid: try reader.value(), finish: try reader.value())
    }
}

extension EmbeddingReply: WireElement {
    package static var leastByteCount: Int { 2 * String.leastByteCount + 4 + 8 + Timing.byteCount }

    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(vector)
        writer.append(promptTokens)
        writer.append(timing)
        writer.append(weightVersion)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            rid: try reader.value(), vector: try reader.value(), promptTokens: try reader.value(),
            timing: try reader.value(), weightVersion: try reader.value())
    }
}

extension SchedulerLoad: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(running)
        writer.append(queued)
        writer.append(freeTokens)
        writer.append(cachedTokens)
        writer.append(heldTokens)
        writer.append(generationThroughput)
        writer.append(figures)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            running: try reader.value(), queued: try reader.value(), freeTokens: try reader.value(),
            cachedTokens: try reader.value(), heldTokens: try reader.value(),
            generationThroughput: try reader.value(), figures: try reader.value())
    }
}

extension SchedulerState: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(load)
        writer.append(details)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(load: try reader.value(), details: try reader.value())
    }
}
