import ApusTensor

/// Threads beside those that compute.
package enum SideThread {
    /// Frees the calling thread from the core of the thread that made it: a step's own thread keeps to one core, and
    /// threads inherit that.
    package static func leaveCore() { ThreadIdentity.release() }
}
