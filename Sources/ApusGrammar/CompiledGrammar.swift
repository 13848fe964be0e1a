import ApusCore
import Synchronization

/// A grammar ready to constrain texts made of one vocabulary's tokens. Any number of matchers on any threads share it.
///
/// Tables of states are made when the grammar is compiled, as far as its time goes, then beside the requests, else when
/// first needed.
package final class CompiledGrammar: Sendable {
    struct TableKey: Hashable {
        var state: Int32
        /// The loop whose body the state's rule is, or -1.
        var loop: Int32
    }

    private struct Tables {
        var made: [TableKey: StateTable] = [:]
        var byteCount = 0
    }

    let automaton: Automaton
    let trie: TokenTrie
    private let tables = Mutex(Tables())

    /// Tables beyond this are made anew each time.
    private static let largestTables = 256 << 20
    /// Seconds that tables may take when a grammar is compiled.
    private static let tableSeconds = 0.15

    package convenience init(_ grammar: Grammar, trie: TokenTrie, limit: CompilationLimit) throws(GrammarError) {
        self.init(try AutomatonBuilder.automaton(of: grammar, limit: limit), trie: trie)
        try limit.check()
        let deadline = Clocks.monotonic() + Self.tableSeconds
        makeTables { !limit.isOver && Clocks.monotonic() < deadline }
        try limit.check()
    }

    init(_ automaton: Automaton, trie: TokenTrie) {
        self.automaton = automaton
        self.trie = trie
    }

    /// Makes the tables that are not there yet, so that no mask has to wait for one: those that take longest first, of
    /// states that take many bytes. `goesOn` is asked before each.
    package func makeTables(while goesOn: () -> Bool) {
        let made = Set(tables.withLock { $0.made.keys })
        let keys = usedKeys().filter { !made.contains($0) }.map { (key: $0, breadth: breadth($0.state)) }
        for (key, _) in keys.sorted(by: { $0.breadth > $1.breadth }) {
            guard goesOn(), tables.withLock({ $0.byteCount < Self.largestTables }) else { return }
            _ = table(key)
        }
    }

    private func breadth(_ state: Int32) -> Int {
        automaton.edges[automaton.states[Int(state)].edges].reduce(0) { $0 + Int($1.high - $1.low) + 1 }
    }

    /// Every state that can stand in a set, with every way in which its rule is called.
    private func usedKeys() -> [TableKey] {
        var loops = [Set<Int32>](repeating: [], count: automaton.rules.count)
        loops[Int(automaton.root)].insert(-1)
        for call in automaton.calls {
            loops[Int(call.rule)].insert(Automaton.loop(at: call.destination).map { Int32($0) } ?? -1)
        }
        var keys: [TableKey] = []
        for (state, rule) in automaton.ruleOfState.enumerated() where !automaton.states[state].edges.isEmpty {
            for loop in loops[Int(rule)] { keys.append(TableKey(state: Int32(state), loop: loop)) }
        }
        return keys
    }

    func table(_ key: TableKey) -> StateTable {
        if let table = tables.withLock({ $0.made[key] }) { return table }
        let table = StateTable(
            automaton, state: key.state, loop: key.loop < 0 ? nil : Int(key.loop), trie: trie)
        tables.withLock { tables in
            guard tables.byteCount + table.byteCount <= Self.largestTables else { return }
            if tables.made.updateValue(table, forKey: key) == nil { tables.byteCount += table.byteCount }
        }
        return table
    }

    /// Memory that it holds, about.
    package var byteCount: Int {
        automaton.edges.count * 8 + automaton.states.count * 48 + tables.withLock { $0.byteCount }
    }

    /// States of its automaton, and the tables made of them so far.
    package var size: (states: Int, tables: Int) { (automaton.states.count, tables.withLock { $0.made.count }) }
}
