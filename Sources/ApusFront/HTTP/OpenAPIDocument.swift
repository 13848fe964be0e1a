import ApusJSON
import HTTPTypes
import Hummingbird

/// `GET /openapi.json`: the routes as an OpenAPI 3.1 document, made of the table that serves them and of the rules that
/// their handlers check.
struct OpenAPIDocument: Sendable {
    let version: String

    private static let path = "/openapi.json"
    private static let about = RouteDocument("This document")

    /// Adds the route after all others, which it describes.
    func add(to table: inout RouteTable) {
        var complete = table
        complete.add(Self.path, methods: [.get], about: Self.about) { _ throws(FrontError) in throw .notFound }
        let bytes = JSONValue.object(document(of: complete)).serialized
        table.add(Self.path, methods: [.get], about: Self.about) { _ throws(FrontError) in .json(bytes: bytes) }
    }

    func document(of table: RouteTable) -> JSONObject {
        var paths: [(String, JSONValue)] = []
        for (path, routes) in table.routes.sorted(by: { $0.key < $1.key }) {
            paths.append((path, .object(Self.item(routes, parameter: nil))))
        }
        for route in table.prefixes.sorted(by: { $0.path < $1.path }) {
            paths.append((route.path + "{id}", .object(Self.item([route], parameter: "id"))))
        }
        return [
            "openapi": "3.1.0", "info": ["title": "Apus", "version": .string(version)],
            "paths": .object(JSONObject(paths)),
            "components": [
                "securitySchemes": ["key": ["type": "http", "scheme": "bearer"]],
                "schemas": ["Error": ["type": "object", "description": "Its members depend on the route."]],
            ],
        ]
    }

    private static func item(_ routes: [RouteTable.Route], parameter: String?) -> JSONObject {
        var item = JSONObject()
        for route in routes {
            for method in route.methods {
                item[method.rawValue.lowercased()] = .object(operation(route, method, parameter: parameter))
            }
        }
        return item
    }

    private static func operation(
        _ route: RouteTable.Route, _ method: HTTPRequest.Method, parameter: String?
    ) -> JSONObject {
        let about = route.about
        var operation: JSONObject = ["summary": .string(about.summary)]
        var parameters = about.query.map { query -> JSONValue in
            ["name": .string(query.name), "in": "query", "schema": query.shape.schema]
        }
        if let parameter {
            parameters.append(
                [
                    "name": .string(parameter), "in": "path", "required": true,
                    "schema": ["type": "string", "minLength": 1],
                ])
        }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let rules = about.body, method != .get {
            operation["requestBody"] = [
                "required": .bool(!about.bodyIsOptional),
                "content": ["application/json": ["schema": .object(schema(rules, about.members))]],
            ]
        }
        operation["responses"] = .object(responses(route, isParametric: parameter != nil))
        // Each server has its own keys, or none.
        let isOpen = Authorization.openPrefixes.contains { route.path.hasPrefix($0) }
        operation["security"] = isOpen ? [] : [[:], ["key": []]]
        return operation
    }

    /// The members of a body. Others are ignored.
    private static func schema(_ rules: [FieldRule], _ members: [String: JSONValue]) -> JSONObject {
        var properties = JSONObject()
        for rule in rules {
            let schema = members[rule.name] ?? rule.shape.schema
            properties[rule.name] = rule.isRequired || rule.shape.allowsNull ? schema : FieldShape.orNull(schema)
        }
        var object: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = rules.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        return object
    }

    private static func responses(_ route: RouteTable.Route, isParametric: Bool) -> JSONObject {
        var responses: JSONObject = ["200": .object(success(route.about.answer))]
        let failures = [
            ("400", "The request is refused."), ("401", "The key is missing or wrong."),
            ("408", "The body did not arrive in time."), ("413", "The body is too large."),
            ("503", "The server cannot serve now."),
        ]
        for (status, text) in failures { responses[status] = failure(text, route.about.answer) }
        if isParametric { responses["404"] = failure("There is none.", .json) }
        return responses
    }

    private static func success(_ answer: RouteDocument.Answer) -> JSONObject {
        let types: [String] =
            switch answer {
            case .json: ["application/json"]
            case .text: ["text/plain"]
            case .nothing: []
            case .streamable: ["application/json", "text/event-stream"]
            case .lines: ["application/json", "application/x-ndjson"]
            }
        var response: JSONObject = ["description": "The answer."]
        if !types.isEmpty { response["content"] = .object(JSONObject(types.map { ($0, ["schema": [:]]) })) }
        return response
    }

    private static func failure(_ text: String, _ answer: RouteDocument.Answer) -> JSONValue {
        var content: JSONObject = ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]]
        // Routes with words for an answer use words for some refusals too.
        if case .text = answer { content["text/plain"] = ["schema": [:]] }
        return ["description": .string(text), "content": .object(content)]
    }
}

extension FieldShape {
    /// The values that `matches` lets through, as a JSON Schema.
    var schema: JSONValue {
        switch self {
        case .any: [:]
        case .bool: ["type": "boolean"]
        // JSON numbers with a fraction, even of zero, are none for the reader; the schema language cannot say so.
        case .integer: ["type": "integer", "minimum": .integer(.min), "maximum": .integer(.max)]
        case .number: ["type": "number"]
        case .string: ["type": "string"]
        case .object: ["type": "object"]
        case .array: ["type": "array"]
        case .strings: Self.list(.string)
        case .objects: Self.list(.object)
        case .integers: Self.list(.integer)
        case .stringOrList: Self.either(.string, .strings)
        case .integerOrList: Self.either(.integer, .integers)
        case .boolOrList: ["anyOf": [FieldShape.bool.schema, Self.list(.bool)]]
        case .objectOrList: Self.either(.object, .objects)
        case .integersOrLists: ["anyOf": [FieldShape.integers.schema, Self.list(.integers)]]
        }
    }

    /// Null is like every other value.
    var allowsNull: Bool { if case .any = self { true } else { false } }

    /// Null counts as absent.
    static func orNull(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, ["type": "null"]]] }

    private static func list(_ shape: FieldShape) -> JSONValue { ["type": "array", "items": shape.schema] }

    private static func either(_ one: FieldShape, _ other: FieldShape) -> JSONValue {
        ["anyOf": [one.schema, other.schema]]
    }
}

extension SamplingFields {
    /// `sampling_params` as the strict check takes them: one object, or one for each prompt.
    static var schema: JSONValue {
        var properties = JSONObject()
        for field in all { properties[field.name] = FieldShape.orNull(schema(field.kind)) }
        let object: JSONValue = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        return ["anyOf": [object, ["type": "array", "items": object]]]
    }

    private static func schema(_ kind: Kind) -> JSONValue {
        switch kind {
        case .i64: FieldShape.integer.schema
        case .f64: FieldShape.number.schema
        case .boolean: FieldShape.bool.schema
        case .string: FieldShape.string.schema
        case .stringOrList: FieldShape.stringOrList.schema
        case .integers: ["type": "array", "items": FieldShape.orNull(FieldShape.integer.schema)]
        case .map: FieldShape.object.schema
        case .unchecked: [:]
        }
    }
}
