import ApusCore
package import ApusTensor

/// The time of equal steps, and where it went.
package struct BenchOutcome: Sendable {
    /// Seconds of the median step.
    package let seconds: Double
    /// Share of the steps' time by kind of operation; what is missing is between operations.
    package let shares: [OperationProfile.Kind: Double]

    /// Runs two steps to warm up, then steps for `seconds`, three at least.
    ///
    /// - Parameter prepare: Before each step; its time does not count.
    init(_ runtime: TensorRuntime, seconds: Double, prepare: () -> Void, step: () throws -> Void) rethrows {
        let profile = OperationProfile()
        defer { runtime.profile = nil }
        var times: [Double] = []
        let begin = Clocks.monotonic()
        for round in 0... {
            guard round < 5 || Clocks.monotonic() - begin < seconds else { break }
            prepare()
            if round == 2 { runtime.profile = profile }
            let start = Clocks.monotonic()
            try step()
            if round >= 2 { times.append(Clocks.monotonic() - start) }
        }
        let total = times.reduce(0, +)
        self.seconds = times.sorted()[times.count / 2]
        shares = profile.seconds.mapValues { $0 / total }
    }
}
