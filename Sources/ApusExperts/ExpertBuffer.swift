/// The last passes, bounded in number and in bytes.
struct ExpertBuffer {
    private let passLimit: Int
    private let byteLimit: Int
    /// A pass that must go is added to the next one, so that sums over all passes stay whole.
    private let addsUp: Bool
    private var stored: [ExpertPass] = []
    /// Passes before it are gone; they are removed in bulk.
    private var first = 0
    private var byteCount = 0

    init(passLimit: Int, byteLimit: Int, addsUp: Bool) {
        precondition(passLimit > 0)
        self.passLimit = passLimit
        self.byteLimit = byteLimit
        self.addsUp = addsUp
    }

    var passes: [ExpertPass] { Array(stored[first...]) }

    mutating func append(_ pass: ExpertPass) {
        stored.append(pass)
        byteCount += pass.byteCount
        // The newest stays in any case.
        while stored.count - first > 1, stored.count - first > passLimit || byteCount > byteLimit { removeFirst() }
        if first > 64, first * 2 > stored.count {
            stored.removeFirst(first)
            first = 0
        }
    }

    mutating func removeAll() {
        stored.removeAll()
        first = 0
        byteCount = 0
    }

    private mutating func removeFirst() {
        let gone = stored[first]
        byteCount -= gone.byteCount
        stored[first].counts = []
        stored[first].experts = []
        first += 1
        guard addsUp else { return }
        for index in gone.counts.indices {
            let (sum, overflows) = stored[first].counts[index].addingReportingOverflow(gone.counts[index])
            stored[first].counts[index] = overflows ? .max : sum
        }
    }
}
