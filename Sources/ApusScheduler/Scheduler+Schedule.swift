import ApusCore
import ApusEngine
import ApusWire
import Logging

extension Scheduler {
    /// Fills the next step: every running stream, then as much prompt as the budget and the pool allow.
    func schedule() {
        builder.removeAll()
        decoding.sweep()
        guard !isHeld else { return }
        makeRoomForDecoding()
        for request in decoding.requests {
            guard let table = request.table, cache.grow(table, to: request.tokens.count) else {
                preconditionFailure("room was made for request \(request.rid)")
            }
            // One row, or several after a jump.
            builder.append(request, rowCount: request.tokens.count - request.computed)
        }
        guard prefilling != nil || !queue.isEmpty else { return }
        var rows = min(
            budget.rows(whileDecoding: !decoding.isEmpty, unsettled: unsettledGenerations),
            max(configuration.maxPrefillTokens, limits.contextLength))
        if continuePrefill(&rows) && !queue.isEmpty { admitWaiting(&rows) }
        if builder.prefillRows > 0 { logPrefill() }
    }

    // MARK: - Retraction

    private func makeRoomForDecoding() {
        var retracted = 0
        let before = ratio.value
        while slotsForDecoding > cache.availableTokens {
            let candidates = decoding.requests + (prefilling.map { [$0] } ?? [])
            guard let victim = Retraction.victim(of: candidates) else { break }
            if candidates.count == 1 {
                end(victim, .refused(Retraction.lastRequestMessage, status: 500), keepsPrefix: false)
            } else {
                retract(victim)
                retracted += 1
            }
            decoding.sweep()
        }
        guard retracted > 0 else { return }
        ratio.retracted(
            generated: decoding.requests.reduce(0) { $0 + $1.generated },
            maxNewTokens: decoding.requests.reduce(0) { $0 + $1.maxNewTokens }, count: decoding.count)
        logger.warning(
            """
            KV cache pool is full. Retract requests. #retracted_reqs: \(retracted), \
            #new_token_ratio: \(fixed(before, 4)) -> \(fixed(ratio.value, 4))
            """)
    }

    /// Slots that the running streams need for their next token beyond those that they have.
    private var slotsForDecoding: Int {
        var pages = 0
        for request in decoding.requests {
            pages += cache.pages(for: max(0, request.tokens.count - (request.table?.count ?? 0)))
        }
        return pages * configuration.pageSize
    }

    // MARK: - Prompts

    /// The next chunk of the prompt that is computed in part. True when others may begin: there is none such, or it
    /// comes to its end in this step.
    private func continuePrefill(_ rows: inout Int) -> Bool {
        guard let request = prefilling, let table = request.table else { return true }
        let remaining = request.tokens.count - request.computed
        guard var count = chunk(of: remaining, rows: rows) else { return false }
        // Streams have used what was planned for it: it takes what is left, and comes to the rest later.
        let room = cache.availableTokens + table.count - request.computed
        if count > room { count = room / configuration.pageSize * configuration.pageSize }
        guard count > 0, cache.grow(table, to: request.computed + count) else { return false }
        builder.append(request, rowCount: count)
        rows -= count
        guard count == remaining else { return false }
        prefilling = nil
        return true
    }

    private enum Entrance {
        case begun
        /// What it needs next is being computed by another: it can have it from the cache in the next step.
        case waitsForPrefix
        /// The weights are about to change, and it has not begun on the old ones.
        case waitsForWeights
        /// No room, neither for those behind it.
        case noRoom
    }

    /// Requests that may wait for another's prefix in one step; more are not looked at.
    private static let prefixWaitLimit = 128

    private func admitWaiting(_ rows: inout Int) {
        guard mayAdmit(rows) else { return }
        var admission = Admission(configuration, ratio: ratio.value)
        for entry in builder.entries { admission.countRunning(entry.request) }
        var passed = 0
        func goesOn(after entrance: Entrance) -> Bool {
            if case .waitsForPrefix = entrance { passed += 1 }
            return entrance != .noRoom && passed < Self.prefixWaitLimit
        }
        if order.isArrival(waiting: queue.count) {
            var previous: UInt64?
            while let request = queue.next(after: previous), goesOn(after: admit(request, &admission, &rows)) {
                previous = request.arrival
            }
        } else {
            for request in order.sorted(queue.requests, tree: cache.tree) {
                guard goesOn(after: admit(request, &admission, &rows)) else { return }
            }
        }
    }

    private func mayAdmit(_ rows: Int) -> Bool {
        prefilling == nil && rows > 0 && builder.entries.count < limits.maxRunningRequests
            && builder.newRequests < configuration.prefillMaxRequests ?? .max
    }

    /// Begins a waiting request's prompt in this step, if it fits.
    private func admit(_ request: Request, _ admission: inout Admission, _ rows: inout Int) -> Entrance {
        guard mayAdmit(rows) else { return .noRoom }
        guard !weightWork.isDraining || request.startedAt != nil else { return .waitsForWeights }
        // Alone it always fits, since its length was clipped to the pool.
        let isAlone = builder.isEmpty
        let cached = cache.matchLength(request.tokens, limit: request.reuseLimit, in: request.namespace)
        if isBeingComputed(request, cached: cached) { return .waitsForPrefix }
        guard isAlone || fits(request, cached: cached, admission) else { return .noRoom }
        let remaining = request.tokens.count - cached
        guard let count = chunk(of: remaining, rows: rows) else { return .noRoom }
        let table = request.prepareTable(pageSize: configuration.pageSize)
        cache.open(&request.lease, request.tokens, limit: request.reuseLimit, in: request.namespace, table: table)
        // Again, now that the prefix itself can no longer be evicted.
        guard isAlone || fits(request, cached: cached, admission), cache.grow(table, to: cached + count) else {
            cache.release(&request.lease, table: table)
            return .noRoom
        }
        start(request, cached: cached)
        builder.append(request, rowCount: count)
        builder.noteAdmission(cachedTokens: cached)
        admission.countAdmitted(request)
        rows -= count
        if count < remaining { prefilling = request }
        return .begun
    }

    /// Whether another prompt in this step computes what follows the `cached` tokens of `request`, so that waiting for
    /// one step saves computing it twice.
    private func isBeingComputed(_ request: Request, cached: Int) -> Bool {
        guard !configuration.disableRadixCache else { return false }
        let end = cached + max(configuration.inBatchDeprioritizeThreshold, configuration.pageSize)
        guard end <= request.reuseLimit else { return false }
        return builder.entries.contains { entry in
            let other = entry.request
            return other.phase == .prefilling && other.computed + entry.rowCount >= end
                && other.namespace == request.namespace
                // Where they would differ first, then what is likely the same.
                && other.tokens[cached..<end] == request.tokens[cached..<end]
                && other.tokens[..<cached] == request.tokens[..<cached]
        }
    }

    private func start(_ request: Request, cached: Int) {
        queue.remove(request)
        request.phase = .prefilling
        request.computed = cached
        request.noteWeights(generations.label(of: request.generation))
        guard request.startedAt == nil else { return }
        request.startedAt = now
        request.cachedTokens = cached
        request.timing.forwardEntry = Clocks.unix()
    }

    private func fits(_ request: Request, cached: Int, _ admission: Admission) -> Bool {
        if request.sampling.ignoreEOS && configuration.disableRadixCache {
            return Admission.runsToEnd(
                request, beside: builder.entries.map(\.request), free: cache.freeTokens,
                pageSize: configuration.pageSize)
        }
        return admission.fits(request, cached: cached, available: cache.availableTokens)
    }

    /// How many of `remaining` prompt tokens go into a step that has `rows` left; nil: none.
    private func chunk(of remaining: Int, rows: Int) -> Int? {
        if remaining <= rows { return remaining }
        let isFirst = builder.prefillRows == 0
        guard configuration.chunkedPrefillSize != nil else { return isFirst ? remaining : nil }
        let pageSize = configuration.pageSize
        let whole = rows / pageSize * pageSize
        if whole > 0 { return whole }
        return isFirst ? min(pageSize, remaining) : nil
    }
}
