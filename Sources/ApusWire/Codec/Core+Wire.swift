package import ApusCore

extension FinishReason: WireValue {
    private enum Tag: UInt8 {
        case stopToken = 1
        case stopString = 2
        case stopRegex = 3
        case notANumber = 4
        case length = 5
        case abort = 6
        case grammarEnd = 7
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .stopToken(let token):
            writer.append(tag: Tag.stopToken)
            writer.append(token)
        case .stopString(let matched):
            writer.append(tag: Tag.stopString)
            writer.append(matched)
        case .stopRegex(let pattern):
            writer.append(tag: Tag.stopRegex)
            writer.append(pattern)
        case .notANumber:
            writer.append(tag: Tag.notANumber)
        case .length(let limit):
            writer.append(tag: Tag.length)
            writer.append(limit)
        case .grammarEnd(let token):
            writer.append(tag: Tag.grammarEnd)
            writer.append(token)
        case .abort(let message, let status, let kind):
            writer.append(tag: Tag.abort)
            writer.append(message)
            writer.append(status)
            writer.append(kind)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .stopToken: self = .stopToken(try reader.value())
        case .stopString: self = .stopString(try reader.value())
        case .stopRegex: self = .stopRegex(try reader.value())
        case .notANumber: self = .notANumber
        case .length: self = .length(try reader.value())
        case .grammarEnd: self = .grammarEnd(try reader.value())
        case .abort:
            self = .abort(message: try reader.value(), status: try reader.value(), kind: try reader.value())
        }
    }
}

extension SamplingParameters: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(maxNewTokens)
        writer.append(minNewTokens)
        writer.append(temperature)
        writer.append(topP)
        writer.append(topK)
        writer.append(minP)
        writer.append(frequencyPenalty)
        writer.append(presencePenalty)
        writer.append(repetitionPenalty)
        writer.append(logitBias.sorted { $0.key < $1.key }.map { Bias(token: $0.key, value: $0.value) })
        writer.append(seed)
        writer.append(stopStrings)
        writer.append(stopTokenIDs)
        writer.append(stopRegexes)
        writer.append(ignoreEOS)
        writer.append(skipSpecialTokens)
        writer.append(spacesBetweenSpecialTokens)
        writer.append(noStopTrim)
        writer.append(grammar)
        writer.append(grammarFollows)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        maxNewTokens = try reader.value()
        minNewTokens = try reader.value()
        temperature = try reader.value()
        topP = try reader.value()
        topK = try reader.value()
        minP = try reader.value()
        frequencyPenalty = try reader.value()
        presencePenalty = try reader.value()
        repetitionPenalty = try reader.value()
        logitBias = try Bias.dictionary(try reader.value())
        seed = try reader.value()
        stopStrings = try reader.value()
        stopTokenIDs = try reader.value()
        stopRegexes = try reader.value()
        ignoreEOS = try reader.value()
        skipSpecialTokens = try reader.value()
        spacesBetweenSpecialTokens = try reader.value()
        noStopTrim = try reader.value()
        grammar = try reader.value()
        grammarFollows = try reader.value()
    }
}

extension GrammarSource: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(tag: kind)
        writer.append(text)
        writer.append(whitespace)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(try reader.tag(GrammarKind.self), try reader.value(), whitespace: try reader.value())
    }
}

extension JSONWhitespace: WireValue {
    private enum Tag: UInt8 {
        case none = 1
        case upTo = 2
        case pattern = 3
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .none:
            writer.append(tag: Tag.none)
        case .upTo(let count):
            writer.append(tag: Tag.upTo)
            writer.append(count)
        case .pattern(let pattern):
            writer.append(tag: Tag.pattern)
            writer.append(pattern)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .none: self = .none
        case .upTo: self = .upTo(try reader.value())
        case .pattern: self = .pattern(try reader.value())
        }
    }
}

/// One entry of `SamplingParameters.logitBias`, which travels by rising token so that a message has one encoding.
private struct Bias: WireElement {
    var token: Int32
    var value: Float

    static var leastByteCount: Int { 8 }

    init(token: Int32, value: Float) {
        self.token = token
        self.value = value
    }

    func write(to writer: inout WireWriter) {
        writer.append(token)
        writer.append(value)
    }

    init(from reader: inout WireReader) throws(FrameError) {
        self.init(token: try reader.value(), value: try reader.value())
    }

    static func dictionary(_ entries: [Bias]) throws(FrameError) -> [Int32: Float] {
        for (entry, next) in zip(entries, entries.dropFirst()) where entry.token >= next.token {
            throw .invalid("logit biases out of order")
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.token, $0.value) })
    }
}
