import ApusRegex

/// A compiled pattern, matched as Oniguruma or Python matches it: leftmost, first alternative that leads to a match.
///
/// Backtracking keeps a stack of its own, so that no text can exhaust the thread's; a repeated class, which is most of
/// what tokenizers' patterns are, is one instruction and one entry of that stack whatever its length.
struct Regex: Sendable {
    let instructions: [Instruction]
    let sets: [CodePointSet]
    /// Places that are remembered: where the last turn of a loop that may match nothing began, and the ends of groups.
    let markCount: Int
    let isPython: Bool
    private static let pythonWords = CodePointSet(PythonClasses.pythonWords)
    private static let rubyWords = CodePointSet(UnicodeTables.patternWords)
    static let asciiWords = CodePointSet(PythonClasses.asciiWords)

    /// `\w`, which `\b` is about.
    var words: CodePointSet { isPython ? Self.pythonWords : Self.rubyWords }

    struct Instruction: Sendable {
        var operation: Operation
        var first: Int32 = 0
        var second: Int32 = 0
        var third: Int32 = 0
    }

    enum Operation: UInt8, Sendable {
        /// A scalar of value `first`.
        case scalar
        /// A scalar of the set `first`.
        case set
        /// `second` to `third` (-1: any number) scalars of the set `first`: as many as possible, giving back one by one.
        case loop
        /// The same without giving back.
        case possessiveLoop
        /// Continue at `first`; if that fails at `second`.
        case split
        case jump
        /// Match what follows, up to `accept`, at this place; then continue at `first`, after it if `second` is 2
        /// (atomic), else here: if it matched (0) or if it did not (1).
        case inner
        /// The same, up to `accept`, from `third` scalars before this place; then continue at `first`, here, if it matched
        /// (`second` 0) or if it did not (1).
        case behind
        /// The scalar before is in the set `first` (`second` 0) or is not, or there is none (1).
        case lookbehind
        case assertion
        /// Remembers this place under the number `first`.
        case mark
        /// If nothing was matched since the last `mark` of the number `first`, fails or, unless that is -1, continues at
        /// `second`: ends a loop that would not.
        case progress
        /// What lies between the marks `first` and the next, once more, compared by the `RegexNode.CaseRule` `second`.
        case reference
        /// Continues at `second` unless a group has matched whose marks are `first` and the next.
        case conditional
        case accept
    }

    init(_ pattern: String) throws(TextError) {
        var parser = RegexParser(pattern, syntax: .oniguruma)
        do throws(RegexError) {
            try self.init(try parser.parse(), of: pattern, isPython: false)
        } catch {
            throw .unsupported("\(error)")
        }
    }

    /// `node`: of Python's syntax if `isPython`, else of Oniguruma's.
    init(_ node: RegexNode, of pattern: String, isPython: Bool) throws(RegexError) {
        var compiler = RegexCompiler(isPython: isPython)
        compiler.append(node)
        compiler.append(Instruction(operation: .accept))
        guard !compiler.isTooLarge else {
            throw RegexError(pattern: pattern, what: "repetitions that multiply to too much", offset: 0)
        }
        instructions = compiler.instructions
        sets = compiler.sets.map(CodePointSet.init)
        markCount = compiler.markCount
        self.isPython = isPython
    }
}
