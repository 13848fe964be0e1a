/// How much memory the KV pool gets: what is left of the process's share once the weights are loaded.
///
/// `share = capacity x fraction` is for weights and pool; the rest is kept for activations, text and other processes.
/// The pool is what is free after loading, less `(1 - fraction)` of what was free before.
package struct MemoryBudget: Sendable, Hashable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// Nothing is left for the pool; `workable` is a fraction that would leave some, nil if none would.
        case noRoom(fraction: Double, available: Int, workable: Double?)
        /// Weights alone that would never fit: better said than killed by the system, again and again.
        case weightsTooLarge(bytes: Int, capacity: Int)
        /// Less than one page of the pool.
        case poolTooSmall(bytes: Int, bytesPerToken: Int)

        package var description: String {
            switch self {
            case .noRoom(let fraction, let available, let workable):
                "no memory is left for the KV pool: \(MemoryBudget.gigabytes(available)) GB are free after loading, "
                    + "--mem-fraction-static is \(MemoryBudget.decimals(fraction)); "
                    + (workable.map { "try --mem-fraction-static \(MemoryBudget.decimals($0))" }
                        ?? "use a smaller model or give the process more memory")
            case .weightsTooLarge(let bytes, let capacity):
                "the weights take \(MemoryBudget.gigabytes(bytes)) GB of memory, and this process may use "
                    + "\(MemoryBudget.gigabytes(capacity)) GB in all"
            case .poolTooSmall(let bytes, let bytesPerToken):
                "the KV pool would have \(bytes) bytes, a token takes \(bytesPerToken)"
            }
        }
    }

    /// Share of memory for weights and pool, as given or derived.
    package let fraction: Double
    package let capacity: Int
    /// Bytes of keys and values of one token in all layers.
    package let bytesPerToken: Int
    /// Size of the pool, in tokens: whole pages.
    package let tokenCount: Int
    /// Bytes that are still free once the pool is full.
    package let remaining: Int

    /// Before weights of so many bytes are read.
    package static func check(weights bytes: Int, in memory: SystemMemory) throws(Failure) {
        guard bytes < memory.capacity else { throw .weightsTooLarge(bytes: bytes, capacity: memory.capacity) }
    }

    /// - Parameters:
    ///   - before: Memory before the weights were loaded.
    ///   - after: Memory now.
    ///   - fraction: `--mem-fraction-static`; nil: derived.
    ///   - chunkedPrefillSize: Tokens of a prefill step.
    ///   - maxTotalTokens: `--max-total-tokens`; it can only lower the size.
    package init(
        before: SystemMemory, after: SystemMemory, bytesPerToken: Int, fraction: Double? = nil,
        chunkedPrefillSize: Int, maxTotalTokens: Int? = nil, pageSize: Int = 1
    ) throws(Failure) {
        precondition(bytesPerToken > 0 && pageSize > 0)
        let share = fraction ?? Self.fraction(capacity: before.capacity, chunkedPrefillSize: chunkedPrefillSize)
        let kept = Double(before.available) * (1 - share)
        let bytes = min(after.available, Int(Double(after.available) - kept))
        guard bytes > 0 else {
            throw .noRoom(
                fraction: share, available: after.available, workable: Self.workable(before: before, after: after))
        }
        var tokens = bytes / bytesPerToken
        if let maxTotalTokens { tokens = min(tokens, maxTotalTokens) }
        tokens -= tokens % pageSize
        guard tokens > 0 else { throw .poolTooSmall(bytes: bytes, bytesPerToken: bytesPerToken) }
        self.fraction = share
        capacity = before.capacity
        self.bytesPerToken = bytesPerToken
        tokenCount = tokens
        remaining = after.available - tokens * bytesPerToken
    }

    /// `(capacity - reserve) / capacity` in three decimals, where the reserve is 512 MB, 1.5 MB for each token of a
    /// prefill step (2,048 at least) and 128 MB; 10 GB at least on machines of more than 60 GB.
    ///
    /// The reserve is meant for large machines; on small ones half of the memory stays for the model.
    package static func fraction(capacity: Int, chunkedPrefillSize: Int) -> Double {
        let megabytes = Double(capacity) / Double(1 << 20)
        var reserve = 512 + 1.5 * Double(max(chunkedPrefillSize, 2048)) + 128
        if megabytes > 60 * 1024 { reserve = max(reserve, 10_240) }
        let share = (megabytes - reserve) / megabytes
        return max(0.5, (share * 1000).rounded() / 1000)
    }

    /// `--chunked-prefill-size` when it is not given.
    package static func chunkedPrefillSize(capacity: Int) -> Int {
        switch capacity >> 30 {
        case ..<20: 2048
        case ..<60: 4096
        case ..<160: 8192
        default: 16_384
        }
    }

    /// The smallest fraction, in hundredths, that leaves a tenth of the free memory to the pool.
    private static func workable(before: SystemMemory, after: SystemMemory) -> Double? {
        guard before.available > 0, after.available > 0 else { return nil }
        let needed = 1 - Double(after.available) * 0.9 / Double(before.available)
        let rounded = (needed * 100).rounded(.up) / 100
        return rounded < 1 ? max(rounded, 0.01) : nil
    }

    /// One line for the log.
    package var summary: String {
        "KV pool: \(tokenCount) tokens of \(bytesPerToken) bytes, "
            + "\(Self.gigabytes(tokenCount * bytesPerToken)) GB of \(Self.gigabytes(capacity)) GB "
            + "(mem_fraction_static \(Self.decimals(fraction)), \(Self.gigabytes(remaining)) GB stay free)"
    }

    /// Gigabytes (2^30) in two decimals.
    package static func gigabytes(_ bytes: Int) -> String {
        decimals(Double(bytes) / Double(1 << 30), places: 2)
    }

    static func decimals(_ value: Double, places: Int = 3) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((value * Double(scale)).rounded())
        let digits = String(scaled.magnitude % UInt(scale))
        let padding = String(repeating: "0", count: places - digits.count)
        return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / UInt(scale)).\(padding)\(digits)"
    }
}
