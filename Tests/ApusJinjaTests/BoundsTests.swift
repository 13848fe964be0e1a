import ApusJinja
import ApusTestSupport
import Testing

/// What a hostile template or request cannot do.
@Suite struct BoundsTests {
    private func render(_ source: String) throws -> String {
        try Template(source).render([:], now: 0)
    }

    @Test func otherFilesAreRefusedByName() {
        for tag in ["include", "import", "extends", "block", "from"] {
            #expect(throws: TemplateError.syntax("'\(tag)' is not supported: a chat template is one file", line: 2)) {
                try render("\n{% \(tag) 'x' %}")
            }
        }
    }

    @Test func outputIsBounded() {
        #expect(throws: TemplateError.self) {
            try render("{% set x = 'y' * 1000000 %}{% for i in range(100000) %}{{ x }}{% endfor %}")
        }
        #expect(throws: TemplateError.self) { try render("{{ 'y' * 100000000000 }}") }
    }

    @Test func rangesAndRecursionAreBounded() {
        #expect(throws: TemplateError.self) { try render("{{ range(1000000000) }}") }
        #expect(throws: TemplateError.self) { try render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}") }
        #expect(throws: TemplateError.self) {
            try render("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}")
        }
        #expect(throws: TemplateError.self) { try render("{{ 9223372036854775807 + 1 }}") }
    }

    @Test func deepNestingIsRefusedWhenRead() {
        let brackets = String(repeating: "(", count: 10_000)
        #expect(throws: TemplateError.self) { try Template("{{ \(brackets)1 }}") }
        #expect(throws: TemplateError.self) { try Template(String(repeating: "{% if 1 %}", count: 10_000)) }
        #expect(throws: TemplateError.self) { try Template("{{ " + String(repeating: "not ", count: 10_000) + "1 }}") }
        #expect(throws: TemplateError.self) { try Template("{{ " + String(repeating: "-", count: 10_000) + "1 }}") }
    }

    /// Random bytes, and a template with bytes changed at random, are read or refused; nothing else happens.
    @Test func mutatedTemplatesAreReadOrRefused() {
        let source = Array(
            "{% for m in range(3) if m is odd %}{{ m | string ~ 'x' }}{%- else -%}{# c #}{% endfor %}{{ [1, {'a': 2}][0:1] }}"
                .utf8)
        var random = SeededRandom(seed: 11)
        for _ in 0..<3_000 {
            var bytes = source
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...127, using: &random)
                case 1: bytes.remove(at: position)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: position)
                }
            }
            _ = try? render(String(decoding: bytes, as: UTF8.self))
        }
    }
}
