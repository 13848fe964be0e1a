import ApusConfiguration
import ApusCore
import ApusObserve

/// Tells the watchdog now and then that a role gets on with its work.
struct LifeSign {
    private let notify: Notify
    private let interval: Double
    private var next = 0.0

    init(_ role: RoleLaunch) {
        notify = role.notify
        interval = Self.interval(role)
    }

    /// To be called whenever the role has got on; most calls do nothing.
    mutating func give() {
        let now = Clocks.monotonic()
        guard now >= next else { return }
        next = now + interval
        notify.alive()
    }

    /// Seconds between two signs: a quarter of the time after which the watchdog of our supervisor, or systemd's
    /// (sd_watchdog_enabled(3)), misses them.
    static func interval(_ role: RoleLaunch) -> Double {
        let systemd = role.environment["WATCHDOG_USEC"].flatMap(Double.init).map { $0 * 1e-6 }
        let given = role.configuration
        return interval(patience: [given.watchdogTimeout, given.softWatchdogTimeout, systemd].compactMap(\.self))
    }

    static func interval(patience: [Double]) -> Double {
        max(0.1, min((patience.min() ?? .infinity) / 4, longest))
    }

    /// Whoever looks at a service's state need not wait for long.
    private static let longest = 5.0
}
