package import ApusCore

extension SchedulerFigures: WireValue {
    /// The numbers that are written one after the other: one list for both ends.
    private mutating func visitIntegers(_ visit: (inout Int) throws(FrameError) -> Void) throws(FrameError) {
        try visit(&evictableTokens)
        try visit(&sequenceTokens)
        try visit(&waitingTokens)
        try visit(&retractedWaiting)
        try visit(&pausedRequests)
        try visit(&grammarRequests)
        try visit(&steps)
        try visit(&prefilledTokens)
        try visit(&cachedTokens)
        try visit(&decodedTokens)
        try visit(&generatedTokens)
        try visit(&retractions)
        try visit(&retractedInputTokens)
        try visit(&retractedOutputTokens)
        try visit(&evictedTokens)
        try visit(&weightUpdates)
        try visit(&weightFailures)
        try visit(&grammarTotal)
        try visit(&grammarCacheHits)
        try visit(&grammarsAborted)
        try visit(&grammarTimeouts)
    }

    private mutating func visitSeconds(_ visit: (inout Double) throws(FrameError) -> Void) throws(FrameError) {
        try visit(&newTokenRatio)
        try visit(&hitRate)
        try visit(&weightLoadSeconds)
        try visit(&prefillSeconds)
        try visit(&stages.wait)
        try visit(&stages.receive)
        try visit(&stages.schedule)
        try visit(&stages.forward)
        try visit(&stages.output)
        try visit(&stages.reply)
    }

    package func write(to writer: inout WireWriter) {
        var copy = self
        try? copy.visitIntegers { writer.append($0) }
        try? copy.visitSeconds { writer.append($0) }
        writer.append(decodeMoments)
        for histogram in [forwardSeconds, evictionSeconds, grammarSeconds] {
            writer.append(histogram.counts)
            writer.append(histogram.sum)
        }
        writer.append(process)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        try visitIntegers { (number) throws(FrameError) in number = try reader.value() }
        try visitSeconds { (number) throws(FrameError) in number = try reader.value() }
        decodeMoments = try reader.value()
        forwardSeconds = try Histogram(Self.forwardBounds, from: &reader)
        evictionSeconds = try Histogram(Self.evictionBounds, from: &reader)
        grammarSeconds = try Histogram(Self.grammarBounds, from: &reader)
        process = try reader.value()
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

extension Histogram {
    /// Edges do not travel: both ends have them from the same place.
    fileprivate init(_ bounds: [Double], from reader: inout WireReader) throws(FrameError) {
        let read = Histogram(bounds: bounds, counts: try reader.value(), sum: try reader.value())
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
