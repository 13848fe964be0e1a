import ApusJSON
import ApusRegex

/// What keywords say about objects.
struct ObjectBounds: Sendable {
    /// `properties`, `patternProperties` and `additionalProperties` that stand together.
    struct Part: Sendable {
        /// `properties`, whose place is `place`.
        var properties = JSONObject()
        var place = ""
        var patterns: [(pattern: StringPattern, text: String, schema: Subschema)] = []
        var additional: Subschema?

        func property(_ name: String) -> Subschema? {
            properties[name] == nil ? nil : Subschema(value: .object(properties), place: place)[name]
        }
    }

    var parts: [Part] = []
    /// Members that must be there, as the keys of an object.
    var required = JSONObject()
    /// Members that must not.
    var forbidden = JSONObject()
    /// The only members that may be there still, once it was used that no others are.
    var sealed: JSONObject?
    var minimum = 0
    var maximum: Int?
    /// What the names obey.
    var names: [Subschema] = []
    /// `unevaluatedProperties`: what members obey that nothing else speaks of.
    var unevaluated: Subschema?

    var isEmpty: Bool { minimum > maximum ?? .max || required.contains { forbidden[$0.key] != nil } }

    var isFree: Bool {
        parts.isEmpty && required.isEmpty && forbidden.isEmpty && sealed == nil && minimum == 0 && maximum == nil
            && names.isEmpty && unevaluated == nil
    }

    /// Names that have schemas of their own, in order.
    var declared: [String] {
        var names = JSONObject()
        for part in parts { for member in part.properties { names[member.key] = .null } }
        for member in required { names[member.key] = .null }
        return names.keys.filter { forbidden[$0] == nil && (sealed == nil || sealed?[$0] != nil) }
    }

    /// Only declared members occur: the schema says so, or it lists properties and says nothing of others.
    var isClosed: Bool {
        if sealed != nil { return true }
        let isOpen = unevaluated != nil || parts.contains { $0.additional != nil || !$0.patterns.isEmpty }
        if isOpen { return parts.contains { $0.additional?.value == false && $0.patterns.isEmpty } }
        return parts.contains { !$0.properties.isEmpty }
    }

    /// What the member of this name obeys.
    func member(_ name: String) -> [Subschema] {
        var schemas: [Subschema] = []
        var isEvaluated = false
        for part in parts {
            var matched = false
            if let schema = part.property(name) {
                schemas.append(schema)
                matched = true
            }
            for (pattern, _, schema) in part.patterns where ScalarNFA(pattern.possible).matches(name) {
                schemas.append(schema)
                matched = true
            }
            if !matched, let additional = part.additional {
                schemas.append(additional)
                matched = true
            }
            isEvaluated = isEvaluated || matched
        }
        if !isEvaluated, let unevaluated { schemas.append(unevaluated) }
        return schemas
    }

    /// What members obey whose name is not declared and matches just these of `patterns`.
    func others(matching chosen: [Bool], of patterns: [String]) -> [Subschema] {
        var schemas: [Subschema] = []
        var isEvaluated = false
        for part in parts {
            var matched = false
            for (_, text, schema) in part.patterns {
                guard let index = patterns.firstIndex(of: text), chosen[index] else { continue }
                schemas.append(schema)
                matched = true
            }
            if !matched, let additional = part.additional {
                schemas.append(additional)
                matched = true
            }
            isEvaluated = isEvaluated || matched
        }
        if !isEvaluated, let unevaluated { schemas.append(unevaluated) }
        return schemas
    }
}
