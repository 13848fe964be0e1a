import ApusJSON
import ApusRegex

/// What several schemas together say about a value, with no alternatives left but those of its type.
struct SchemaShape: Sendable {
    var types = SchemaTypes.all
    /// `enum` and `const`: one of these; nil: anything.
    var literals: [JSONValue]?
    /// None of these.
    var excluded: [JSONValue] = []
    var number = NumberBounds()
    var string = StringBounds()
    var array = ArrayBounds()
    var object = ObjectBounds()

    /// No value obeys, as far as can be told without looking inside.
    var isEmpty: Bool {
        types.isEmpty || literals?.isEmpty ?? false || (types.isSubset(of: .number) && number.isEmpty)
            || (types == .string && string.isEmpty) || (types == .array && array.isEmpty)
            || (types == .object && object.isEmpty)
    }

    mutating func keep(_ values: [JSONValue]) {
        literals =
            literals.map { known in known.filter { value in values.contains { $0.isSame(as: value) } } } ?? values
        literals = literals?.filter { types.contains(SchemaTypes(of: $0)) }
    }

    mutating func keep(_ kept: SchemaTypes) {
        types.formIntersection(kept)
        literals = literals?.filter { types.contains(SchemaTypes(of: $0)) }
    }
}

/// What keywords say about strings.
struct StringBounds: Sendable {
    /// In Unicode scalars.
    var minimum = 0
    var maximum: Int?
    /// Patterns and formats that match, and patterns that do not.
    var required: [StringPattern] = []
    var excluded: [StringPattern] = []

    var isEmpty: Bool { minimum > maximum ?? .max }
    var isFree: Bool { minimum == 0 && maximum == nil && required.isEmpty && excluded.isEmpty }

    /// - Parameters:
    ///   - texts: strings that do not count either.
    ///   - isWide: all strings that some reader of patterns takes, instead of those that all do.
    func language(without texts: [String] = [], isWide: Bool = false) throws(GrammarError) -> RegularLanguage {
        var language = RegularLanguage(minimum: minimum, maximum: maximum)
        for pattern in required + excluded { try pattern.possible.checkSize() }
        language.required = required.map { ScalarNFA(isWide ? $0.possible : $0.certain) }
        language.excluded = excluded.map { ScalarNFA(isWide ? $0.certain : $0.possible) }
        if !texts.isEmpty { language.excluded.append(ScalarNFA(texts: texts)) }
        return language
    }
}

/// A pattern as its readers take it, who do not agree on classes such as `\d` and on `$`.
struct StringPattern: Sendable {
    /// Every reader finds a match in these strings.
    var certain: RegexNode
    /// Some reader does.
    var possible: RegexNode

    /// The pattern of whole strings that all read alike.
    init(whole pattern: String, _ limit: CompilationLimit) throws(GrammarError) {
        certain = try RegexFrontEnd.parse(pattern, .interoperable, limit)
        possible = certain
    }

    /// A pattern that may match anywhere in a string.
    init(searching pattern: String, _ limit: CompilationLimit) throws(GrammarError) {
        certain = try RegexFrontEnd.parse(pattern, .interoperable, limit).anchored(isSearch: true)
        possible = try RegexFrontEnd.parse(pattern, .permissive, limit).anchored(isSearch: true, beforeBreak: true)
        try possible.checkSize()
    }
}

/// What keywords say about arrays.
struct ArrayBounds: Sendable {
    /// `prefixItems` and `items` that stand together.
    struct Part: Sendable {
        var prefix: [Subschema]
        var rest: Subschema
    }

    var minimum = 0
    var maximum: Int?
    var parts: [Part] = []

    var isEmpty: Bool { minimum > maximum ?? .max }
    var isFree: Bool { minimum == 0 && maximum == nil && parts.isEmpty }

    /// Elements that have schemas of their own.
    var prefixCount: Int { parts.reduce(0) { max($0, $1.prefix.count) } }

    /// What the element obeys.
    func element(_ index: Int) -> [Subschema] {
        parts.map { index < $0.prefix.count ? $0.prefix[index] : $0.rest }
    }
}
