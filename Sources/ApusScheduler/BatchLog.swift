import Logging

/// The log lines that tools parse, and the throughput that they report.
struct BatchLog {
    private let interval: Int
    private var steps = 0
    private var since: Double
    /// Tokens generated since the last decode line.
    var generated = 0
    /// Tokens generated a second, up to the last decode line.
    private(set) var throughput = 0.0

    init(interval: Int, now: Double) {
        self.interval = max(interval, 1)
        since = now
    }

    /// Counts a step in which streams ran; true when a line is due.
    mutating func countDecodeStep(now: Double) -> Bool {
        steps += 1
        guard steps % interval == 0 else { return false }
        throughput = now > since ? Double(generated) / (now - since) : 0
        generated = 0
        since = now
        return true
    }
}

extension Scheduler {
    func logPrefill() {
        logger.info(
            """
            Prefill batch, #new-seq: \(builder.newRequests), #new-token: \(builder.prefillRows), \
            #cached-token: \(builder.newCachedTokens), token usage: \(fixed(cache.usage, 2)), \
            #running-req: \(decoding.count), #queue-req: \(queue.count)
            """)
    }

    func logDecode() {
        guard log.countDecodeStep(now: clock()) else { return }
        logger.info(
            """
            Decode batch, #running-req: \(decoding.count), #token: \(decoding.tokenCount), \
            token usage: \(fixed(cache.usage, 2)), gen throughput (token/s): \(fixed(log.throughput, 2)), \
            #queue-req: \(queue.count)
            """)
    }
}

/// A non-negative number with so many digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int(min((value * Double(scale)).rounded(), 1e15))
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
}
