import CJemalloc

/// jemalloc, the allocator of every role: Swift under glibc's arenas grows for days where this stays flat.
package enum Allocator {
    /// The version that answers, such as `5.3.0-0-g54eaed1d…`.
    package static var version: String? {
        var text: UnsafePointer<CChar>?
        var size = MemoryLayout.size(ofValue: text)
        guard mallctl("version", &text, &size, nil, 0) == 0, let text else { return nil }
        return String(cString: text)
    }

    /// Gives freed memory back after seconds rather than never, from a thread of the allocator's own.
    ///
    /// Without effect on what `MALLOC_CONF` sets, because then somebody wants something else.
    package static func configure(environment: [String: String]) {
        guard environment["MALLOC_CONF"] == nil else { return }
        var yes = true
        _ = mallctl("background_thread", nil, nil, &yes, MemoryLayout<Bool>.size)
        // Milliseconds; 10 s and none are jemalloc's own defaults.
        setDecay("dirty", milliseconds: 5_000)
        setDecay("muzzy", milliseconds: 0)
    }

    private static func setDecay(_ kind: String, milliseconds: Int) {
        var milliseconds = milliseconds
        let size = MemoryLayout<Int>.size
        _ = mallctl("arenas.\(kind)_decay_ms", nil, nil, &milliseconds, size)
        // Arenas that exist already.
        var count: UInt32 = 0
        var countSize = MemoryLayout<UInt32>.size
        guard mallctl("arenas.narenas", &count, &countSize, nil, 0) == 0 else { return }
        for arena in 0..<count {
            _ = mallctl("arena.\(arena).\(kind)_decay_ms", nil, nil, &milliseconds, size)
        }
    }

    /// One of jemalloc's `size_t` statistics, after `refresh()`.
    static func statistic(_ name: String) -> Int? {
        var value = 0
        var size = MemoryLayout<Int>.size
        return mallctl(name, &value, &size, nil, 0) == 0 ? value : nil
    }

    /// Statistics are those of the last refresh.
    static func refresh() {
        var epoch: UInt64 = 1
        _ = mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size)
    }
}
