import ApusWire
import Synchronization

/// What one HTTP request holds on the ring, given back exactly once: when its answer is complete, when it fails, when its
/// client leaves, or at the latest when nobody refers to it any more.
final class RequestScope: Sendable {
    private struct State {
        var ringIDs: [String] = []
        var mailboxes: [Mailbox] = []
        var hasEnded = false
        var clientHasLeft = false
        var endings: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let board: ReplyBoard
    private let connection: ConnectionState?
    /// nil: our own, not a client's.
    private let call: HTTPCall?
    private let token = Mutex<Int?>(nil)

    /// `connection`: the client's; nil if it cannot leave.
    init(_ board: ReplyBoard, _ connection: ConnectionState?, _ call: HTTPCall? = nil) {
        self.board = board
        self.connection = connection
        self.call = call
        let token = connection?.onClose { [weak self] in self?.clientLeft() }
        self.token.withLock { $0 = token }
    }

    deinit { end() }

    /// Whose request it is, for other processes.
    var origin: RequestOrigin { call?.origin ?? RequestOrigin() }

    /// Opens entries for `rids` that end with this scope; see `ReplyBoard.open`.
    func open(
        _ rids: [String], into mailbox: Mailbox, areChosen: Bool, isInternal: Bool = false
    ) throws(FrontError) -> [String] {
        try checkClient()
        let ringIDs = try board.open(
            rids, into: mailbox, areChosen: areChosen, isInternal: isInternal, call: call)
        let isOver = state.withLock { state in
            guard !state.hasEnded, !state.clientHasLeft else { return true }
            state.ringIDs += ringIDs
            state.mailboxes.append(mailbox)
            return false
        }
        if isOver {
            board.abandon(ringIDs)
            throw .clientGone
        }
        return ringIDs
    }

    /// Work for a client that has left need not begin.
    func checkClient() throws(FrontError) {
        if state.withLock({ $0.clientHasLeft }) { throw .clientGone }
    }

    /// Ends what waits with an error, whatever its state.
    func fail(_ error: FrontError) {
        for mailbox in state.withLock({ $0.mailboxes }) { mailbox.fail(error) }
    }

    /// `action` runs once, when this scope ends; at once if it has.
    func atEnd(_ action: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.hasEnded { state.endings.append(action) }
            return state.hasEnded
        }
        if isOver { action() }
    }

    func end() {
        let (ringIDs, endings) = state.withLock { state in
            state.hasEnded = true
            defer { (state.ringIDs, state.endings) = ([], []) }
            return (state.ringIDs, state.endings)
        }
        board.abandon(ringIDs)
        for ending in endings { ending() }
        let token = token.withLock { token in
            defer { token = nil }
            return token
        }
        if let token { connection?.forget(token) }
    }

    private func clientLeft() {
        let mailboxes = state.withLock { state in
            state.clientHasLeft = true
            return state.mailboxes
        }
        for mailbox in mailboxes { mailbox.fail(.clientGone) }
        end()
    }
}
