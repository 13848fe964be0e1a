import ApusCore
import ApusEngine

/// The tokens that can still be promised in a step, after what running requests are expected to need.
struct Admission {
    private let clip: Int
    private let ratio: Double
    private let pageSize: Int
    /// Expected of requests that run or were admitted, and not yet in their tables.
    private(set) var promised = 0

    init(_ configuration: SchedulerConfiguration, ratio: Double) {
        clip = configuration.clipMaxNewTokensEstimation
        pageSize = configuration.pageSize
        self.ratio = ratio
    }

    /// Tokens that a request may still make, as far as planning goes.
    private func expected(_ request: Request) -> Int { min(request.maxNewTokens - request.generated, clip) }

    /// Counts a request that runs already; one that ignores end tokens is sure to use everything.
    mutating func countRunning(_ request: Request) {
        let share = request.sampling.ignoreEOS ? 1 : ratio
        promised += Int((Double(expected(request)) * share).rounded(.up)) + uncomputedSlots(request)
    }

    /// Counts a request just admitted, whose table may end before its tokens do.
    mutating func countAdmitted(_ request: Request) {
        promised += expected(request) + uncomputedSlots(request)
    }

    /// Whether a request of which `cached` tokens need no slots fits into `available` tokens.
    func fits(_ request: Request, cached: Int, available: Int) -> Bool {
        request.tokens.count - cached + expected(request) + pageSize <= available - promised
    }

    private func uncomputedSlots(_ request: Request) -> Int {
        max(0, request.tokens.count - (request.table?.count ?? 0))
    }

    /// Whether `candidate` can run to its end beside `running` if everybody makes all their tokens: with requests that
    /// ignore end tokens and no cache to evict, the future is known, so it is played through. `free` tokens are free
    /// before the candidate gets any.
    static func runsToEnd(_ candidate: Request, beside running: [Request], free: Int, pageSize: Int) -> Bool {
        let lives = (running + [candidate])
            .map { (left: $0.maxNewTokens - $0.generated, held: max($0.tokens.count, $0.table?.count ?? 0)) }
            .sorted { $0.left < $1.left }
        let missing = (running + [candidate]).reduce(0) { $0 + max(0, $1.tokens.count - ($1.table?.count ?? 0)) }
        var room = free - missing
        for (index, life) in lives.enumerated() {
            let still = lives.count - index
            // Everybody who is still there has grown by this many tokens, each with a page not yet full.
            guard room - (life.left + pageSize) * still >= 0 else { return false }
            room += life.held
        }
        return true
    }
}
