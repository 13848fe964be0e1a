import ApusCore
import ApusGrammar
import ApusJSON
import ApusText
import ArgumentParser

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `apus grammar`: what a grammar costs with a model's vocabulary. Compiles it, then makes texts of random allowed
/// tokens and measures the mask of each.
struct GrammarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grammar", abstract: "Compile a grammar and measure its masks.")

    @Option(help: "Folder with the tokenizer.")
    var tokenizerPath: String

    @Option(help: "What the file holds: json, regex, ebnf or structural_tag.")
    var kind = "json"

    @Option(help: "Texts to make.")
    var texts = 20

    @Option(help: "Tokens a text at most.")
    var maxTokens = 200

    @Option(help: "Rows of the model's head; 0: as many as the tokenizer has ids.")
    var vocabularySize = 0

    @Flag(help: "Print the texts.")
    var verbose = false

    @Argument(help: "File with the grammar.")
    var file: String

    func run() throws {
        guard let kind = GrammarKind.allCases.first(where: { $0.name == kind }) else {
            throw ValidationError("--kind \(kind): json, regex, ebnf or structural_tag is expected")
        }
        guard let text = Self.read(file) else { throw ValidationError("\(file) cannot be read as UTF-8") }
        let tokenizer = try Tokenizer(directory: tokenizerPath)
        let size = vocabularySize > 0 ? vocabularySize : tokenizer.vocabularySize
        let started = Clocks.monotonic()
        let compiler = GrammarCompiler(tokenizer, vocabularySize: size)
        compiler.prepare()
        let prepared = Clocks.monotonic()
        let grammar: CompiledGrammar
        do throws(GrammarError) {
            grammar = try compiler.compile(GrammarSource(kind, text), limit: CompilationLimit(seconds: 60))
        } catch {
            throw ValidationError("\(error)")
        }
        let compiled = Clocks.monotonic()
        let end = tokenizer.eosTokenID ?? Int32(size - 1)
        var random = SplitMix64(seed: 1)
        var times: [Double] = []
        var accepts: [Double] = []
        var finished = 0
        for _ in 0..<texts {
            let matcher = GrammarMatcher(grammar, endTokens: [end])
            var ids: [Int32] = []
            while ids.count < maxTokens && !matcher.hasEnded {
                let before = Clocks.monotonic()
                let mask = matcher.mask
                let between = Clocks.monotonic()
                times.append(between - before)
                guard let token = Self.pick(mask, end, matcher.mayEnd, &random) else { break }
                let begun = Clocks.monotonic()
                _ = matcher.accept(token)
                accepts.append(Clocks.monotonic() - begun)
                ids.append(token)
            }
            finished += matcher.hasEnded ? 1 : 0
            if verbose { print(tokenizer.decode(ids, skipSpecialTokens: true)) }
        }
        report(
            [
                "vocabulary": JSONValue(size), "states": JSONValue(grammar.size.states),
                "tables": JSONValue(grammar.size.tables),
                "megabytes": .double((Double(grammar.byteCount) / 1e6).rounded()),
                "vocabulary_ms": Self.milliseconds(prepared - started),
                "compile_ms": Self.milliseconds(compiled - prepared),
                "masks": JSONValue(times.count), "texts_ended": JSONValue(finished),
            ], times, accepts)
    }

    private func report(_ facts: JSONObject, _ masks: [Double], _ accepts: [Double]) {
        var facts = facts
        for (name, values) in [("mask", masks.sorted()), ("accept", accepts.sorted())] where !values.isEmpty {
            for (quantile, share) in [("median", 0.5), ("p99", 0.99), ("max", 1)] {
                let value = values[min(values.count - 1, Int(share * Double(values.count)))]
                facts["\(name)_\(quantile)_us"] = .double((value * 1e7).rounded() / 10)
            }
        }
        print(JSONValue.object(facts))
    }

    private static func milliseconds(_ seconds: Double) -> JSONValue { .double((seconds * 1e4).rounded() / 10) }

    /// A random allowed token; the end is as likely as all others together.
    private static func pick(
        _ mask: TokenMask, _ end: Int32, _ mayEnd: Bool, _ random: inout SplitMix64
    ) -> Int32? {
        if mayEnd && Bool.random(using: &random) { return end }
        let count = mask.count - (mask[end] ? 1 : 0)
        guard count > 0 else { return mayEnd ? end : nil }
        var rank = Int.random(in: 0..<count, using: &random)
        for token in 0..<Int32(mask.tokenCount) where mask[token] && token != end {
            if rank == 0 { return token }
            rank -= 1
        }
        return nil
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "rbe") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { return String(validating: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
