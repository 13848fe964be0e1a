extension ControlCall: WireValue {
    private enum Tag: UInt8 {
        case updateWeights = 1
        case nameWeights = 2
        case readWeights = 3
        case pause = 4
        case proceed = 5
        case releaseMemory = 6
        case resumeMemory = 7
        case configureLogging = 32
        case recordExperts = 8
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .updateWeights(let update):
            writer.append(tag: Tag.updateWeights)
            writer.append(update)
        case .nameWeights(let version):
            writer.append(tag: Tag.nameWeights)
            writer.append(version)
        case .readWeights(let name, let rowCount):
            writer.append(tag: Tag.readWeights)
            writer.append(name)
            writer.append(rowCount)
        case .pause(let mode):
            writer.append(tag: Tag.pause)
            writer.append(tag: mode)
        case .proceed:
            writer.append(tag: Tag.proceed)
        case .releaseMemory(let parts):
            writer.append(tag: Tag.releaseMemory)
            writer.append(parts)
        case .resumeMemory(let parts):
            writer.append(tag: Tag.resumeMemory)
            writer.append(parts)
        case .configureLogging(let settings):
            writer.append(tag: Tag.configureLogging)
            writer.append(settings)
        case .recordExperts(let action):
            writer.append(tag: Tag.recordExperts)
            writer.append(tag: action)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .updateWeights: self = .updateWeights(try reader.value())
        case .nameWeights: self = .nameWeights(version: try reader.value())
        case .readWeights: self = .readWeights(name: try reader.value(), rowCount: try reader.value())
        case .pause: self = .pause(try reader.tag())
        case .proceed: self = .proceed
        case .releaseMemory: self = .releaseMemory(try reader.value())
        case .resumeMemory: self = .resumeMemory(try reader.value())
        case .configureLogging: self = .configureLogging(try reader.value())
        case .recordExperts: self = .recordExperts(try reader.tag())
        }
    }
}

extension ControlReply: WireValue {
    private enum Tag: UInt8 {
        case done = 1
        case failed = 2
        case rows = 3
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .done(let message):
            writer.append(tag: Tag.done)
            writer.append(message)
        case .failed(let message):
            writer.append(tag: Tag.failed)
            writer.append(message)
        case .rows(let json):
            writer.append(tag: Tag.rows)
            writer.append(json)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .done: self = .done(message: try reader.value())
        case .failed: self = .failed(message: try reader.value())
        case .rows: self = .rows(json: try reader.value())
        }
    }
}

extension WeightUpdate: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(path)
        writer.append(format)
        writer.append(version)
        writer.append(flushesCache)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            path: try reader.value(), format: try reader.value(), version: try reader.value(),
            flushesCache: try reader.value())
    }
}

extension MemoryParts: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(kvCache)
        writer.append(weights)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(kvCache: try reader.value(), weights: try reader.value())
    }
}

extension WeightSpan: WireElement {
    package static var leastByteCount: Int { String.leastByteCount + 8 }

    package func write(to writer: inout WireWriter) {
        writer.append(version)
        writer.append(start)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(version: try reader.value(), start: try reader.value())
    }
}
