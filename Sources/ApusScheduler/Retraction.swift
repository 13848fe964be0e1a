/// Who gives way when the pool cannot hold the next step.
enum Retraction {
    /// Words for the client of the last request, when even alone it does not fit.
    static let lastRequestMessage =
        "Out of memory even after retracting all other requests in the decode batch. Aborting the last request."

    /// The one that loses least: fewest output tokens, then longest prompt, then the latest.
    static func victim(of requests: [Request]) -> Request? {
        requests.min { a, b in
            if a.generated != b.generated { return a.generated < b.generated }
            if a.promptCount != b.promptCount { return a.promptCount > b.promptCount }
            return a.arrival > b.arrival
        }
    }
}
