import ApusJSON
import ApusRegex

/// From shapes to rules: one for each set of schemas that a value must obey.
struct SchemaEmitter {
    var reader: SchemaReader
    var writer: JSONGrammarWriter
    private var known: [[String]: GrammarExpression] = [:]
    /// Rules that are called and not yet defined. Schemas may form long chains; this calls nothing again.
    private var waiting: [(rule: Grammar.RuleID, shapes: [SchemaShape])] = []

    init(document: SchemaDocument, writer: JSONGrammarWriter) {
        reader = SchemaReader(document: document, limit: writer.limit)
        self.writer = writer
    }

    mutating func root() throws(GrammarError) -> GrammarExpression {
        let expression = try value([reader.document.root])
        while let (rule, shapes) = waiting.popLast() {
            var branches: [GrammarExpression] = []
            for shape in shapes { branches.append(try emit(shape)) }
            writer.define(rule, as: .any(of: branches))
        }
        return expression
    }

    /// A value that obeys all of `schemas`.
    mutating func value(_ schemas: [Subschema]) throws(GrammarError) -> GrammarExpression {
        var places: Set<String> = []
        let schemas = schemas.filter { $0.value != true && $0.value != [:] && places.insert($0.place).inserted }
        if schemas.isEmpty { return try writer.value() }
        let key = places.sorted()
        if let known = known[key] { return known }
        let shapes = try reader.shapes(of: schemas)
        let expression: GrammarExpression
        if shapes.contains(where: { $0.literals == nil && !$0.types.isDisjoint(with: [.array, .object]) }) {
            let rule = try writer.declare(schemas[0].place)
            waiting.append((rule, shapes))
            expression = .rule(rule)
        } else {
            var branches: [GrammarExpression] = []
            for shape in shapes { branches.append(try emit(shape)) }
            expression = .any(of: branches)
        }
        known[key] = expression
        return expression
    }

    private mutating func emit(_ shape: SchemaShape) throws(GrammarError) -> GrammarExpression {
        try writer.limit.check()
        if let literals = shape.literals { return .any(of: literals.map(writer.literal)) }
        if shape.types == .all, shape.excluded.isEmpty, shape.number.isFree, shape.string.isFree, shape.array.isFree,
            shape.object.isFree
        {
            return try writer.value()
        }
        var branches: [GrammarExpression] = []
        for value: JSONValue in [.null, true, false]
        where shape.types.contains(SchemaTypes(of: value)) && !shape.excluded.contains(value) {
            branches.append(writer.literal(value))
        }
        if !shape.types.isDisjoint(with: .number) { branches.append(try number(shape)) }
        if shape.types.contains(.string) { branches.append(try string(shape.string, without: shape.excluded)) }
        if shape.types.contains(.array) {
            try refuse(shape.excluded, .array)
            branches.append(try array(shape.array))
        }
        if shape.types.contains(.object) {
            try refuse(shape.excluded, .object)
            branches.append(try object(shape.object))
        }
        return .any(of: branches)
    }

    private func refuse(_ excluded: [JSONValue], _ type: SchemaTypes) throws(GrammarError) {
        guard let value = excluded.first(where: { SchemaTypes(of: $0) == type }) else { return }
        throw .invalid("a schema for anything but \(value)")
    }

    // MARK: Numbers

    private mutating func number(_ shape: SchemaShape) throws(GrammarError) -> GrammarExpression {
        let bounds = shape.number
        let plain = { (set: CodePointRanges) in GrammarExpression.scalars(ScalarSet(set)) }
        let isInteger = !shape.types.contains(.fraction) || bounds.modulus != nil
        let isFraction = !shape.types.contains(.integer)
        if isInteger, isFraction { return .never }
        let excluded = shape.excluded.compactMap(DecimalNumber.init)
        if bounds.isFree, excluded.isEmpty, !isFraction {
            return isInteger ? JSONGrammarWriter.integer : JSONGrammarWriter.number
        }

        var language = RegularLanguage(modulus: bounds.modulus)
        var required: [RegexNode] = []
        if isInteger {
            let isUnbounded = bounds.lower == nil && bounds.upper == nil
            required.append(isUnbounded ? NumberTexts.integer : bounds.integers)
        } else {
            required += [bounds.notBelow, bounds.notAbove].compactMap(\.self)
            if isFraction || required.isEmpty {
                required.append(isFraction ? NumberTexts.fraction : NumberTexts.number)
            }
        }
        if excluded.isEmpty, bounds.modulus == nil, required.count == 1 {
            return try required[0].expression(writer.limit, plain)
        }
        language.required = required.map { ScalarNFA($0) }
        language.excluded = excluded.map { ScalarNFA(NumberTexts.spellings(of: $0)) }
        return try writer.texts(try language.automaton(writer.limit), "number", encode: plain)
    }

    // MARK: Strings

    /// - Parameter excluded: values, of which strings count.
    private mutating func string(
        _ bounds: StringBounds, without excluded: [JSONValue]
    ) throws(GrammarError) -> GrammarExpression {
        let texts = excluded.compactMap(\.stringValue)
        if bounds.isFree, texts.isEmpty { return try writer.string() }
        let content: GrammarExpression
        if bounds.required.isEmpty, bounds.excluded.isEmpty, texts.isEmpty {
            content = .repeated(JSONGrammarWriter.character, min: bounds.minimum, max: bounds.maximum)
        } else if bounds.required.count == 1, bounds.excluded.isEmpty, texts.isEmpty,
            bounds.minimum == 0, bounds.maximum == nil
        {
            content = try bounds.required[0].certain.expression(writer.limit, JSONGrammarWriter.encoded)
        } else {
            content = try writer.texts(
                try bounds.language(without: texts).automaton(writer.limit), "string", encode: JSONGrammarWriter.encoded
            )
        }
        return .joined([.text("\""), content, .text("\"")])
    }

    /// A name of a member that is none of `names`, and its quotes. No character is written in two ways, so that no name
    /// hides behind an escape.
    mutating func name(
        _ bounds: StringBounds, without names: [String]
    ) throws(GrammarError) -> GrammarExpression {
        try string(bounds, without: names.map(JSONValue.string))
    }

    // MARK: Arrays

    private mutating func array(_ bounds: ArrayBounds) throws(GrammarError) -> GrammarExpression {
        if bounds.isFree { return try writer.anyArray() }
        let prefix = min(bounds.prefixCount, bounds.maximum ?? .max)
        // What may follow after the elements that have schemas of their own.
        var tail = GrammarExpression.empty
        if bounds.maximum ?? .max > prefix {
            let element = try value(bounds.element(prefix))
            let (low, high) = (max(0, bounds.minimum - prefix), bounds.maximum.map { $0 - prefix })
            if prefix > 0 {
                tail = .repeated(.joined([writer.comma, element]), min: low, max: high)
            } else {
                let list = writer.list(element, min: max(1, low), max: high)
                return writer.array(low == 0 ? .any(of: [list, .empty]) : list)
            }
        }
        guard prefix > 0 else { return writer.array(.empty) }
        for index in (0..<prefix).reversed() {
            let element = try value(bounds.element(index))
            let more = GrammarExpression.joined([index > 0 ? writer.comma : .empty, element, tail])
            if index == 0 {
                return writer.array(bounds.minimum > 0 ? more : .any(of: [more, .empty]))
            }
            tail = index < bounds.minimum ? more : .maybe(more)
        }
        return .never
    }
}
