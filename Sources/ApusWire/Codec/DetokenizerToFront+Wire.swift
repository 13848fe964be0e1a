extension DetokenizerToFront: LinkMessage {
    package static var link: LinkKind { .detokenizerToFront }

    private enum Tag: UInt8 {
        case hello = 1
        case deltas = 2
        case gaps = 3
        case heartbeat = 4
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .hello(let detokenizerEpoch, let processID):
            writer.append(tag: Tag.hello)
            writer.append(detokenizerEpoch)
            writer.append(processID)
        case .deltas(let deltas):
            writer.append(tag: Tag.deltas)
            writer.append(deltas)
        case .gaps(let rids):
            writer.append(tag: Tag.gaps)
            writer.append(rids)
        case .heartbeat(let heartbeat, let figures):
            writer.append(tag: Tag.heartbeat)
            writer.append(heartbeat)
            writer.append(figures)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .hello: self = .hello(detokenizerEpoch: try reader.value(), processID: try reader.value())
        case .deltas: self = .deltas(try reader.value())
        case .gaps: self = .gaps(rids: try reader.value())
        case .heartbeat: self = .heartbeat(try reader.value(), figures: try reader.value())
        }
    }

    package func halves() -> (DetokenizerToFront, DetokenizerToFront)? {
        switch self {
        case .hello, .heartbeat: nil
        case .deltas(let deltas): ApusWire.halves(deltas) { .deltas($0) }
        case .gaps(let rids): ApusWire.halves(rids) { .gaps(rids: $0) }
        }
    }
}

extension TextDelta: WireElement {
    package static var leastByteCount: Int {
        2 * String.leastByteCount + 2 * 8 + 4 + TokenExtras.leastByteCount + 1 + Usage.byteCount + Timing.byteCount
    }

    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(start)
        writer.append(ids)
        writer.append(textStart)
        writer.append(text)
        writer.append(TokenExtras(self))
        writer.append(finish)
        writer.append(usage)
        writer.append(timing)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        rid = try reader.value()
        start = try reader.value()
        ids = try reader.value()
        textStart = try reader.value()
        text = try reader.value()
        let extras = try reader.value(TokenExtras.self)
        (logprobs, promptLogprobs) = (extras.logprobs, extras.promptLogprobs)
        (hidden, promptHidden) = (extras.hidden, extras.promptHidden)
        finish = try reader.value()
        usage = try reader.value()
        timing = try reader.value()
    }
}

extension Heartbeat: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(epoch)
        writer.append(processID)
        writer.append(progress)
        writer.append(isBusy)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            epoch: try reader.value(), processID: try reader.value(), progress: try reader.value(),
            isBusy: try reader.value())
    }
}
