package import ApusCore

extension SchedulerFigures: WireValue {
    private static let integers: [any WritableKeyPath<SchedulerFigures, Int> & Sendable] = [
        \.evictableTokens, \.sequenceTokens, \.waitingTokens, \.retractedWaiting, \.pausedRequests, \.grammarRequests,
        \.steps, \.prefilledTokens, \.cachedTokens, \.decodedTokens, \.generatedTokens, \.retractions,
        \.retractedInputTokens,
        \.retractedOutputTokens, \.evictedTokens, \.weightUpdates, \.weightFailures,
        \.grammarTotal, \.grammarCacheHits, \.grammarsAborted, \.grammarTimeouts,
    ]

    package func write(to writer: inout WireWriter) {
        for path in Self.integers { writer.append(self[keyPath: path]) }
        writer.append(newTokenRatio)
        writer.append(hitRate)
        writer.append(weightLoadSeconds)
        writer.append(prefillSeconds)
        writer.append(stages)
        writer.append(decodeMoments)
        writer.append(forwardSeconds)
        writer.append(evictionSeconds)
        writer.append(grammarSeconds)
        writer.append(process)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        for path in Self.integers { self[keyPath: path] = try reader.value() }
        newTokenRatio = try reader.value()
        hitRate = try reader.value()
        weightLoadSeconds = try reader.value()
        prefillSeconds = try reader.value()
        stages = try reader.value()
        decodeMoments = try reader.value()
        forwardSeconds = try reader.value()
        evictionSeconds = try reader.value()
        grammarSeconds = try reader.value()
        process = try reader.value()
    }
}

extension StageSeconds: WireValue {
    package func write(to writer: inout WireWriter) {
        for (_, path) in Self.names { writer.append(self[keyPath: path]) }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        for (_, path) in Self.names { self[keyPath: path] = try reader.value() }
    }
}

extension DetokenizerFigures: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(streams)
        writer.append(backlog)
        writer.append(tokens)
        writer.append(messages)
        writer.append(process)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        streams = try reader.value()
        backlog = try reader.value()
        tokens = try reader.value()
        messages = try reader.value()
        process = try reader.value()
    }
}

extension ProcessUsage: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(cpuSeconds)
        writer.append(residentBytes)
        writer.append(allocatedBytes)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        cpuSeconds = try reader.value()
        residentBytes = try reader.value()
        allocatedBytes = try reader.value()
    }
}

extension Histogram: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(bounds)
        writer.append(counts)
        writer.append(sum)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        let read = Histogram(bounds: try reader.value(), counts: try reader.value(), sum: try reader.value())
        guard let read else { throw .invalid("histogram") }
        self = read
    }
}

extension RequestOrigin: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(requestID)
        writer.append(trace)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(requestID: try reader.value(), trace: try reader.value())
    }
}

extension TraceContext: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(traceHigh)
        writer.append(traceLow)
        writer.append(spanID)
        writer.append(isSampled)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        let (high, low, span): (UInt64, UInt64, UInt64) = (
            try reader.value(), try reader.value(), try reader.value()
        )
        guard high | low != 0, span != 0 else { throw .invalid("trace") }
        self.init(traceHigh: high, traceLow: low, spanID: span, isSampled: try reader.value())
    }
}

extension LogSettings: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(level)
        writer.append(logsRequests)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(level: try reader.value(), logsRequests: try reader.value())
    }
}
