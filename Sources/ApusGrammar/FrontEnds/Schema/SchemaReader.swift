import ApusJSON

/// From schemas to shapes: merges what stands together, and multiplies alternatives out.
struct SchemaReader {
    let document: SchemaDocument
    let limit: CompilationLimit

    /// A keyword that leaves a choice, put off until all plain ones are known.
    indirect enum Choice {
        case anyOf([Subschema])
        case oneOf([Subschema])
        case not(Subschema)
        case condition(Subschema, then: Subschema, otherwise: Subschema)
        /// A member that, if it is there, asks for others or for a schema.
        case dependent(String, names: [String], schema: Subschema?)
    }

    /// Merges made so far: alternatives in alternatives multiply.
    private var work = 0
    /// Questions inside questions whether alternatives may overlap: recursive schemas would ask for ever.
    var depth = 0

    /// Choices inside choices, for which `resolve` calls itself.
    private var nesting = 0

    private static let mostNesting = 64
    private static let mostWork = 50_000
    private static let mostAlternatives = 1_000

    init(document: SchemaDocument, limit: CompilationLimit) {
        self.document = document
        self.limit = limit
    }

    /// All alternatives for a value that obeys every one of `schemas`.
    mutating func shapes(of schemas: [Subschema]) throws(GrammarError) -> [SchemaShape] {
        var shape = SchemaShape()
        var choices: [Choice] = []
        for schema in schemas { try read(schema, &shape, &choices) }
        return try resolve(shape, choices[...])
    }

    mutating func spend(_ amount: Int = 1) throws(GrammarError) {
        work += amount
        guard work <= Self.mostWork else { throw .invalid("the schema has too many alternatives") }
        try limit.check()
    }

    // MARK: Choices

    mutating func resolve(
        _ shape: SchemaShape, _ choices: ArraySlice<Choice>
    ) throws(GrammarError) -> [SchemaShape] {
        try spend()
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= Self.mostNesting else { throw .invalid("the schema has alternatives nested too deep") }
        if shape.isEmpty { return [] }
        guard let choice = choices.first else { return try finished(shape).map { [$0] } ?? [] }
        let rest = choices.dropFirst()
        var results: [SchemaShape] = []
        for alternative in try alternatives(shape, choice) {
            results += try resolve(alternative.shape, alternative.choices + rest)
            guard results.count <= Self.mostAlternatives else {
                throw .invalid("the schema has too many alternatives")
            }
        }
        return results
    }

    private typealias Alternative = (shape: SchemaShape, choices: ArraySlice<Choice>)

    private mutating func alternatives(
        _ shape: SchemaShape, _ choice: Choice
    ) throws(GrammarError) -> [Alternative] {
        switch choice {
        case .anyOf(let schemas):
            var results: [Alternative] = []
            for schema in schemas { results.append(try merged(shape, [schema])) }
            return results
        case .oneOf(let schemas): return try exactlyOne(shape, schemas).map { ($0, []) }
        case .not(let schema): return try unlike(schema, shape).map { ($0, []) }
        case .condition(let condition, let then, let otherwise):
            var results = [try merged(shape, [condition, then])]
            for other in try unlike(condition, shape) { results.append(try merged(other, [otherwise])) }
            return results
        case .dependent(let name, let names, let schema):
            var without = shape
            without.object.forbidden[name] = .null
            var with = shape
            with.keep(.object)
            for name in [name] + names { with.object.required[name] = .null }
            return [(without, []), try merged(with, schema.map { [$0] } ?? [])]
        }
    }

    private mutating func unlike(
        _ schema: Subschema, _ shape: SchemaShape
    ) throws(GrammarError) -> [SchemaShape] {
        guard let shapes = try excluding(schema, from: shape) else {
            throw .invalid("\(schema.place): what does not obey this schema cannot be told")
        }
        return shapes
    }

    private mutating func merged(
        _ shape: SchemaShape, _ schemas: [Subschema]
    ) throws(GrammarError) -> Alternative {
        var shape = shape
        var choices: [Choice] = []
        for schema in schemas { try read(schema, &shape, &choices) }
        return (shape, choices[...])
    }

    /// Each alternative less those others that it may overlap.
    private mutating func exactlyOne(
        _ shape: SchemaShape, _ schemas: [Subschema]
    ) throws(GrammarError) -> [SchemaShape] {
        var results: [SchemaShape] = []
        for (index, schema) in schemas.enumerated() {
            let alternative = try merged(shape, [schema])
            var remaining = try resolve(alternative.shape, alternative.choices)
            for (other, schema) in schemas.enumerated() where other != index {
                var next: [SchemaShape] = []
                for var shape in remaining {
                    if try isSeparate(&shape, from: schema) {
                        next.append(shape)
                    } else {
                        guard let found = try excluding(schema, from: shape) else {
                            throw .invalid("\(schema.place): oneOf whose alternatives may overlap")
                        }
                        next += found
                    }
                }
                remaining = next
            }
            results += remaining
        }
        return results
    }

    /// The shape with those literals only that obey the rest of it; nil if there are none.
    private mutating func finished(_ shape: SchemaShape) throws(GrammarError) -> SchemaShape? {
        guard let literals = shape.literals else { return shape }
        var rest = shape
        rest.literals = nil
        var kept: [JSONValue] = []
        for value in literals where try accepts(value, rest) { kept.append(value) }
        guard !kept.isEmpty else { return nil }
        rest.literals = kept
        return rest
    }

    // MARK: Values

    /// The value obeys the schema.
    /// - Parameter isWide: in the eyes of some reader of its patterns, instead of all.
    mutating func accepts(
        _ value: JSONValue, _ schemas: [Subschema], isWide: Bool = false
    ) throws(GrammarError) -> Bool {
        for shape in try shapes(of: schemas) where try accepts(value, shape, isWide: isWide) { return true }
        return false
    }

    mutating func accepts(
        _ value: JSONValue, _ shape: SchemaShape, isWide: Bool = false
    ) throws(GrammarError) -> Bool {
        try limit.check()
        guard shape.types.contains(SchemaTypes(of: value)), !shape.excluded.contains(where: { $0.isSame(as: value) }),
            shape.literals?.contains(where: { $0.isSame(as: value) }) ?? true
        else { return false }
        switch value {
        case .integer, .double: return DecimalNumber(value).map(shape.number.contains) ?? false
        case .string(let text): return try shape.string.language(isWide: isWide).contains(text, limit)
        case .array(let elements):
            guard elements.count >= shape.array.minimum, elements.count <= shape.array.maximum ?? .max else {
                return false
            }
            for (index, element) in elements.enumerated() {
                guard try accepts(element, shape.array.element(index), isWide: isWide) else { return false }
            }
            return true
        case .object(let members):
            guard members.count >= shape.object.minimum, members.count <= shape.object.maximum ?? .max,
                shape.object.required.allSatisfy({ members[$0.key] != nil }),
                !members.contains(where: { shape.object.forbidden[$0.key] != nil })
            else { return false }
            for member in members {
                guard try accepts(.string(member.key), shape.object.names, isWide: isWide),
                    try accepts(member.value, shape.object.member(member.key), isWide: isWide)
                else { return false }
            }
            return true
        default: return true
        }
    }
}
