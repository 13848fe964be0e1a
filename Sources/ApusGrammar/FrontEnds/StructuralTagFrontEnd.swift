import ApusCore
import ApusJSON

/// Structural tags: free text in which, after certain beginnings, something must follow. Both forms of the reference:
/// `structures` with `triggers`, and `format`.
struct StructuralTagFrontEnd {
    private var writer: JSONGrammarWriter
    private var depth = 0

    private static let maximumDepth = 64

    static func grammar(
        _ text: String, whitespace: JSONWhitespace, _ limit: CompilationLimit
    ) throws(GrammarError) -> Grammar {
        let tag: JSONValue
        do throws(JSONError) {
            tag = try JSONValue(parsing: text, options: .files)
        } catch {
            throw .invalid("the structural tag is not JSON: \(error)")
        }
        guard tag["type"] == "structural_tag" else { throw .invalid("type: expected 'structural_tag'") }
        var frontEnd = StructuralTagFrontEnd(writer: try JSONGrammarWriter(whitespace: whitespace, limit))
        let root: GrammarExpression
        if let format = tag["format"] {
            root = try frontEnd.format(format, until: [])
        } else {
            root = try frontEnd.structures(tag)
        }
        return try frontEnd.writer.finish(root)
    }

    private init(writer: JSONGrammarWriter) { self.writer = writer }

    // MARK: The old form

    private mutating func structures(_ tag: JSONValue) throws(GrammarError) -> GrammarExpression {
        guard let structures = tag["structures"]?.arrayValue else {
            throw .invalid("expected 'structures' or 'format'")
        }
        var tags: [Tag] = []
        for structure in structures {
            let content = try SchemaFrontEnd.expression(structure["schema"] ?? .bool(true), &writer)
            tags.append(try Tag(begin: structure.text("begin"), content: content, ends: [structure.text("end")]))
        }
        return try triggered(tag, tags, until: [])
    }

    // MARK: The new form

    /// - Parameter ends: where the text around this ends: free text has none of them inside.
    private mutating func format(
        _ format: JSONValue, until ends: [String]
    ) throws(GrammarError) -> GrammarExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw .invalid("formats nested too deep") }
        try writer.limit.check()
        switch format["type"]?.stringValue {
        case "const_string": return .text(try format.text("value"))
        case "json_schema": return try SchemaFrontEnd.expression(format["json_schema"] ?? .bool(true), &writer)
        case "regex": return try include(try RegexFrontEnd.grammar(format.text("pattern"), writer.limit))
        case "grammar": return try include(try EBNFParser.grammar(format.text("grammar"), writer.limit))
        case "any_text":
            return .textWithout((ends + (try format.texts("excludes"))).filter { !$0.isEmpty }.map { Array($0.utf8) })
        case "sequence":
            var parts: [GrammarExpression] = []
            for element in try format.list("elements") { parts.append(try self.format(element, until: ends)) }
            return .joined(parts)
        case "or":
            var branches: [GrammarExpression] = []
            for element in try format.list("elements") { branches.append(try self.format(element, until: ends)) }
            return .any(of: branches)
        case "tag": return try tag(format).expression
        case "triggered_tags":
            return try triggered(format, try tags(format), until: ends + format.texts("excludes"))
        case "tags_with_separator": return try separated(format)
        case let type?: throw .invalid("format type '\(type)'")
        case nil: throw .invalid("a format without a type")
        }
    }

    private struct Tag {
        let begin: String
        let content: GrammarExpression
        let ends: [String]

        var expression: GrammarExpression {
            .joined([.text(begin), content, .any(of: ends.map { $0.isEmpty ? .empty : .text($0) })])
        }
    }

    private mutating func tag(_ format: JSONValue) throws(GrammarError) -> Tag {
        let end = format["end"]?.stringValue
        let ends = try end == nil ? format.texts("end") : [format.text("end")]
        guard !ends.isEmpty else { throw .invalid("a tag without an end") }
        guard let content = format["content"] else { throw .invalid("a tag without content") }
        return Tag(begin: try format.text("begin"), content: try self.format(content, until: ends), ends: ends)
    }

    private mutating func tags(_ format: JSONValue) throws(GrammarError) -> [Tag] {
        var tags: [Tag] = []
        for element in try format.list("tags") { tags.append(try tag(element)) }
        return tags
    }

    /// Free text until a trigger, which begins one of the tags.
    private mutating func triggered(
        _ format: JSONValue, _ tags: [Tag], until ends: [String]
    ) throws(GrammarError) -> GrammarExpression {
        let triggers = try format.texts("triggers").filter { !$0.isEmpty }
        guard !triggers.isEmpty else { throw .invalid("expected 'triggers', not empty") }
        guard !tags.isEmpty else { throw .invalid("expected tags, not none") }
        for tag in tags where !triggers.contains(where: { Array(tag.begin.utf8).starts(with: Array($0.utf8)) }) {
            throw .invalid("'\(tag.begin)' begins with none of the triggers")
        }
        let text = GrammarExpression.textWithout((triggers + ends).filter { !$0.isEmpty }.map { Array($0.utf8) })
        let body = GrammarExpression.any(of: tags.map(\.expression))
        let rule = try writer.declare("tag")
        writer.define(rule, as: body)
        let isNeeded = format["at_least_one"]?.boolValue ?? false
        let stops = format["stop_after_first"]?.boolValue ?? false
        if stops {
            return isNeeded ? .joined([text, .rule(rule)]) : .joined([text, .maybe(.rule(rule))])
        }
        return .joined([
            text, .repeated(.joined([.rule(rule), text]), min: isNeeded ? 1 : 0, max: nil),
        ])
    }

    private mutating func separated(_ format: JSONValue) throws(GrammarError) -> GrammarExpression {
        let tag = GrammarExpression.any(of: try tags(format).map(\.expression))
        let separator = try format.text("separator")
        let isNeeded = format["at_least_one"]?.boolValue ?? false
        let rule = try writer.declare("tag")
        writer.define(rule, as: tag)
        let more = GrammarExpression.repeated(.joined([.text(separator), .rule(rule)]), min: 0, max: nil)
        let stops = format["stop_after_first"]?.boolValue ?? false
        let list = stops ? .rule(rule) : GrammarExpression.joined([.rule(rule), more])
        return isNeeded ? list : .maybe(list)
    }

    /// The rules of another grammar.
    private mutating func include(_ other: Grammar) throws(GrammarError) -> GrammarExpression {
        var places: [Grammar.RuleID] = []
        for rule in other.rules { places.append(try writer.declare(rule.name)) }
        for (index, rule) in other.rules.enumerated() {
            writer.define(places[index], as: rule.body.renamed { places[$0.index] })
        }
        return .rule(places[other.root.index])
    }
}

extension GrammarExpression {
    fileprivate func renamed(_ place: (Grammar.RuleID) -> Grammar.RuleID) -> GrammarExpression {
        switch self {
        case .empty, .never, .bytes, .scalars, .textWithout: self
        case .sequence(let parts): .sequence(parts.map { $0.renamed(place) })
        case .choice(let branches): .choice(branches.map { $0.renamed(place) })
        case .repetition(let body, let min, let max): .repetition(body.renamed(place), min: min, max: max)
        case .rule(let id): .rule(place(id))
        }
    }
}

extension JSONValue {
    fileprivate func text(_ key: String) throws(GrammarError) -> String {
        guard let text = self[key]?.stringValue else { throw .invalid("\(key): expected a string") }
        return text
    }

    fileprivate func list(_ key: String) throws(GrammarError) -> [JSONValue] {
        guard let list = self[key]?.arrayValue else { throw .invalid("\(key): expected an array") }
        return list
    }

    /// The strings of an array that may be missing.
    fileprivate func texts(_ key: String) throws(GrammarError) -> [String] {
        guard let list = self[key], !list.isNull else { return [] }
        guard let elements = list.arrayValue else { throw .invalid("\(key): expected an array of strings") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.stringValue else { throw .invalid("\(key): expected an array of strings") }
            texts.append(text)
        }
        return texts
    }
}
