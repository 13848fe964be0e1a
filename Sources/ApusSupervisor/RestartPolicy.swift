package import ApusCore

/// When a role that died is started again, and when not any more.
package struct RestartPolicy: Sendable, Equatable {
    /// Seconds before the first restart; doubled for each further death in a row.
    package var firstDelay = 0.05
    /// Most seconds between two starts: short, since nothing is served meanwhile.
    package var longestDelay = 2.0
    /// A role that was ready for so many seconds begins again at `firstDelay`.
    package var healthySeconds = 10.0
    /// Deaths in a row before a role was ever ready that end the server.
    package var startLimit = 3

    package init() {}

    /// Seconds to wait after the `failures`th death in a row (from 1). Up to a fifth is taken off at random, so that
    /// roles that die together do not come back in step.
    package func delay(failures: Int, using random: inout SplitMix64) -> Double {
        precondition(failures > 0, "nothing failed")
        let doubled = firstDelay * Double(1 << min(failures - 1, 20))
        return min(doubled, longestDelay) * Double.random(in: 0.8...1, using: &random)
    }
}
