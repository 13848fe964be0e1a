import ApusCore
import ApusJSON
import Synchronization

/// `session_params` of one prompt: from where in which session it goes on.
struct SessionPlace: Sendable, Hashable {
    var session: String
    /// The request whose context it goes on from; nil: from nothing.
    var parent: String?
    /// Tokens of the old context that are kept; 0: all.
    var offset = 0
    /// What followed the parent is dropped, and the parent ended if it still runs; without a parent, everything.
    var replaces = false
    /// The context is the parent's prompt without its output.
    var dropsOutput = false

    private static let rules = [
        FieldRule("id", .string), FieldRule("rid", .string), FieldRule("offset", .integer), FieldRule("replace", .bool),
        FieldRule("drop_previous_output", .bool),
    ]

    init(_ value: JSONValue) throws(FrontError) {
        guard let object = value.objectValue else { throw .schema("session_params: expected an object") }
        try object.check(Self.rules)
        session = object.given("id")?.stringValue ?? "None"
        parent = object.given("rid")?.stringValue
        offset = object.given("offset")?.intValue ?? 0
        guard offset >= 0 else { throw .refused("session_params.offset must be at least 0, got \(offset).") }
        replaces = object.given("replace")?.boolValue ?? false
        dropsOutput = object.given("drop_previous_output")?.boolValue ?? false
    }
}

/// One request of a session, which later ones may go on from.
final class SessionTurn: Sendable {
    let rid: String
    let place: SessionPlace
    let prompt: [Int32]
    private let state = Mutex<(output: [Int32], isFinished: Bool)>(([], false))
    private let meter: TokenMeter

    init(rid: String, prompt: [Int32], at place: SessionPlace, meter: TokenMeter) {
        self.rid = rid
        self.prompt = prompt
        self.place = place
        self.meter = meter
        meter.add(prompt.count)
    }

    deinit { meter.add(-tokenCount) }

    func append(_ ids: [Int32]) {
        state.withLock { $0.output += ids }
        meter.add(ids.count)
    }

    func finish() { state.withLock { $0.isFinished = true } }

    var isFinished: Bool { state.withLock { $0.isFinished } }
    var output: [Int32] { state.withLock { $0.output } }
    var tokenCount: Int { prompt.count + state.withLock { $0.output.count } }
}

/// Tokens that all sessions together hold.
final class TokenMeter: Sendable {
    private let held = Atomic(0)

    var count: Int { held.load(ordering: .relaxed) }
    func add(_ tokens: Int) { held.wrappingAdd(tokens, ordering: .relaxed) }
}

/// Conversations that clients keep here: trees of requests, of which the tokens are kept. Keys and values are the prefix
/// cache's, which a later request of a session meets as any other request would.
final class SessionTable: Sendable {
    private struct Session {
        var turns: [String: SessionTurn] = [:]
        let timeout: Double?
        /// Seconds of the monotonic clock.
        var usedAt: Double
    }

    /// Sessions at one time; tokens of one session, and of all together (256 MiB).
    private static let mostSessions = 16_384
    private static let mostTokens = 16 << 20
    private static let mostHeldTokens = 64 << 20

    let meter = TokenMeter()

    private let sessions = Mutex<[String: Session]>([:])

    /// Opens a session and gives its id, a random one unless given. `timeout`: seconds without a request after which it
    /// closes; nil: never.
    func open(_ id: String?, timeout: Double?) throws(FrontError) -> String {
        let now = Clocks.monotonic()
        let name = id ?? RequestID.random()
        let failure: FrontError? = sessions.withLock { sessions in
            sessions = sessions.filter { !Self.isOver($0.value, now) }
            guard sessions[name] == nil else {
                return .refused("Failed to open the session. Check if a session with the same id is still open.")
            }
            guard sessions.count < Self.mostSessions else {
                return .unavailable("\(Self.mostSessions) sessions are open; close one, or try again later.")
            }
            sessions[name] = Session(timeout: timeout, usedAt: now)
            return nil
        }
        if let failure { throw failure }
        return name
    }

    func close(_ id: String) { sessions.withLock { $0[id] = nil } }

    /// The whole prompt of a request that adds `ids` at `place`. `startToken`: what every text begins with, which belongs
    /// to the beginning of a conversation alone.
    func history(before ids: [Int32], at place: SessionPlace, startToken: Int32?) throws(FrontError) -> [Int32] {
        let now = Clocks.monotonic()
        let found: Result<SessionTurn?, FrontError> = sessions.withLock { sessions in
            guard var session = sessions[place.session], !Self.isOver(session, now) else {
                return .failure(.refused("Invalid request: session id \(place.session) does not exist"))
            }
            session.usedAt = now
            sessions[place.session] = session
            guard session.turns.values.reduce(0, { $0 + $1.tokenCount }) < Self.mostTokens else {
                return .failure(.refused("Session \(place.session) holds \(Self.mostTokens) tokens; close it."))
            }
            guard meter.count < Self.mostHeldTokens else {
                return .failure(.unavailable("The open sessions hold too many tokens; close some, or try again later."))
            }
            guard let rid = place.parent else { return .success(nil) }
            guard let parent = session.turns[rid] else { return .failure(.refused("Invalid request session id")) }
            return .success(parent)
        }
        guard let parent = try found.get() else { return ids }
        guard parent.isFinished || place.replaces else {
            throw .refused("Session request is appending to a request that hasn't finished.")
        }
        var context = parent.prompt
        if !place.dropsOutput { context += parent.output }
        if place.offset > 0 { context = Array(context.prefix(place.offset)) }
        return context + (ids.first == startToken ? ids.dropFirst() : ids[...])
    }

    /// Makes a request part of its session. Returns the ids of requests that it puts an end to.
    func enter(_ turn: SessionTurn) -> [String] {
        sessions.withLock { sessions in
            guard var session = sessions[turn.place.session] else { return [] }
            var ended: [SessionTurn] = []
            if turn.place.replaces {
                ended = Self.remove(below: turn.place.parent, from: &session)
                if let parent = turn.place.parent.flatMap({ session.turns[$0] }) { ended.append(parent) }
            }
            session.turns[turn.rid] = turn
            sessions[turn.place.session] = session
            return ended.filter { !$0.isFinished }.map(\.rid)
        }
    }

    /// Takes out what follows `parent`, or everything.
    private static func remove(below parent: String?, from session: inout Session) -> [SessionTurn] {
        guard let parent else {
            defer { session.turns = [:] }
            return Array(session.turns.values)
        }
        var removed: [SessionTurn] = []
        var front = [parent]
        while let rid = front.popLast() {
            for child in session.turns.values where child.place.parent == rid && child.rid != rid {
                session.turns[child.rid] = nil
                removed.append(child)
                front.append(child.rid)
            }
        }
        return removed
    }

    private static func isOver(_ session: Session, _ now: Double) -> Bool {
        session.timeout.map { now - session.usedAt > $0 } ?? false
    }
}
