extension FrontToScheduler: LinkMessage {
    package static var link: LinkKind { .frontToScheduler }

    private enum Tag: UInt8 {
        case hello = 1
        case generate = 2
        case abort = 3
        case release = 4
        case detokenizerStarted = 5
        case resend = 6
        case flushCache = 7
        case state = 8
        case control = 16
        case embed = 17
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .hello(let frontEpoch):
            writer.append(tag: Tag.hello)
            writer.append(frontEpoch)
        case .generate(let request):
            writer.append(tag: Tag.generate)
            writer.append(request)
        case .embed(let request):
            writer.append(tag: Tag.embed)
            writer.append(request)
        case .abort(let abort):
            writer.append(tag: Tag.abort)
            writer.append(abort)
        case .release(let rids):
            writer.append(tag: Tag.release)
            writer.append(rids)
        case .detokenizerStarted(let epoch):
            writer.append(tag: Tag.detokenizerStarted)
            writer.append(epoch)
        case .resend(let rids):
            writer.append(tag: Tag.resend)
            writer.append(rids)
        case .flushCache(let call, let timeout):
            writer.append(tag: Tag.flushCache)
            writer.append(call)
            writer.append(timeout)
        case .state(let call):
            writer.append(tag: Tag.state)
            writer.append(call)
        case .control(let call, let control):
            writer.append(tag: Tag.control)
            writer.append(call)
            writer.append(control)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .hello: self = .hello(frontEpoch: try reader.value())
        case .generate: self = .generate(try reader.value())
        case .embed: self = .embed(try reader.value())
        case .abort: self = .abort(try reader.value())
        case .release: self = .release(rids: try reader.value())
        case .detokenizerStarted: self = .detokenizerStarted(epoch: try reader.value())
        case .resend: self = .resend(rids: try reader.value())
        case .flushCache: self = .flushCache(call: try reader.value(), timeout: try reader.value())
        case .state: self = .state(call: try reader.value())
        case .control: self = .control(call: try reader.value(), try reader.value())
        }
    }

    package func halves() -> (FrontToScheduler, FrontToScheduler)? {
        switch self {
        case .release(let rids): ApusWire.halves(rids) { .release(rids: $0) }
        case .resend(let rids): ApusWire.halves(rids) { .resend(rids: $0) }
        default: nil
        }
    }
}

extension GenerateRequest: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(schedulerEpoch)
        writer.append(inputIDs)
        writer.append(inputEmbeddings)
        writer.append(sampling)
        writer.append(stream)
        writer.append(streamInterval)
        writer.append(logprobs)
        writer.append(hidden)
        writer.append(cacheNamespace)
        writer.append(isHealthCheck)
        writer.append(origin)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            rid: try reader.value(), schedulerEpoch: try reader.value(), inputIDs: try reader.value(),
            inputEmbeddings: try reader.value(), sampling: try reader.value(), stream: try reader.value(),
            streamInterval: try reader.value(),
            logprobs: try reader.value(), hidden: try reader.value(), cacheNamespace: try reader.value(),
            isHealthCheck: try reader.value(), origin: try reader.value())
    }
}

extension EmbedRequest: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(schedulerEpoch)
        writer.append(inputIDs)
        writer.append(tokenTypes)
        writer.append(dimensions)
        writer.append(mayFillContext)
        writer.append(origin)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            rid: try reader.value(), schedulerEpoch: try reader.value(), inputIDs: try reader.value(),
            tokenTypes: try reader.value(), dimensions: try reader.value(), mayFillContext: try reader.value(),
            origin: try reader.value())
    }
}

extension HiddenRequest: WireValue {
    package func write(to writer: inout WireWriter) { writer.append(tag: self) }

    package init(from reader: inout WireReader) throws(FrameError) { self = try reader.tag(Self.self) }
}

extension LogprobRequest: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(promptStart)
        writer.append(topCount)
        writer.append(tokenIDs)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(promptStart: try reader.value(), topCount: try reader.value(), tokenIDs: try reader.value())
    }
}

extension Abort: WireValue {
    private enum Tag: UInt8 {
        case request = 1
        case everything = 2
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .request(let rid):
            writer.append(tag: Tag.request)
            writer.append(rid)
        case .everything:
            writer.append(tag: Tag.everything)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .request: self = .request(rid: try reader.value())
        case .everything: self = .everything
        }
    }
}
