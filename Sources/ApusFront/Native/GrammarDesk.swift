package import ApusCore
import ApusGrammar
import Synchronization

/// What the server's launch says about constrained output.
package struct GrammarOptions: Sendable {
    /// `--grammar-backend` is not none.
    package var isEnabled = true
    package var whitespace = JSONWhitespace.upTo(JSONWhitespace.bound)

    package init() {}
}

/// Checks the grammars of requests, so that a bad one is refused before the scheduler hears of it. What the scheduler
/// makes of them takes longer and is its own.
final class GrammarDesk: Sendable {
    /// Sources that were found good lately.
    private let known = Mutex<Set<GrammarSource>>([])

    private static let mostKnown = 256
    /// Longer sources are checked each time rather than remembered.
    private static let longestKnown = 64 << 10

    /// Seconds of one check. What takes longer is left to the scheduler, which says no if it takes far longer.
    private let patience: Double

    init(patience: Double) { self.patience = patience }

    /// The source was found good lately.
    func knows(_ source: GrammarSource) -> Bool { known.withLock { $0.contains(source) } }

    func check(_ source: GrammarSource) throws(FrontError) {
        if knows(source) { return }
        do throws(GrammarError) {
            _ = try source.grammar(limit: CompilationLimit(seconds: patience))
        } catch {
            guard case .invalid(let reason) = error else { return }
            throw .refused("Failed to compile \(source.kind.name) grammar: \(reason)")
        }
        guard source.text.utf8.count <= Self.longestKnown else { return }
        known.withLock { known in
            if known.count >= Self.mostKnown { known.removeAll() }
            known.insert(source)
        }
    }
}
