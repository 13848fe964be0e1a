import ApusCore
import ApusObserve

/// Tells the watchdog now and then that a role gets on with its work.
struct LifeSign {
    private let notify: Notify
    private var next = 0.0

    /// Seconds between two signs: half of the shortest time after which a watchdog may miss them.
    static let interval = 0.5

    init(_ notify: Notify) {
        self.notify = notify
    }

    /// To be called whenever the role has got on; most calls do nothing.
    mutating func give() {
        let now = Clocks.monotonic()
        guard now >= next else { return }
        next = now + Self.interval
        notify.alive()
    }
}
