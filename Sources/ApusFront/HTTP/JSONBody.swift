import ApusJSON
import HTTPTypes
import Hummingbird
import NIOCore

/// A JSON object that came as the body of a request.
enum JSONBody {
    /// Refuses bodies of another media type than `application/json`.
    ///
    /// `acceptsForm`: `curl -d` without a header names its data `application/x-www-form-urlencoded`, and people write it
    /// so: that one type is accepted too, if a JSON object is what comes.
    static func checkType(_ request: Request, acceptsForm: Bool = false) throws(FrontError) {
        let type = request.headers[.contentType] ?? ""
        let media = type.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        if media == "application/json" { return }
        if acceptsForm, media == "application/x-www-form-urlencoded" { return }
        let given = media.isEmpty ? "none was given" : "got \(media)"
        throw .schema("body: the content type must be application/json, \(given)")
    }

    static func parse(_ bytes: ByteBuffer) throws(FrontError) -> JSONObject {
        let value: JSONValue
        do {
            value = try bytes.withUnsafeReadableBytes { pointer in
                Result { () throws(JSONError) in try JSONValue(parsing: pointer) }
            }.get()
        } catch {
            throw .schema("body: \(error)")
        }
        guard let object = value.objectValue else {
            throw .schema("body: expected an object, got \(article(value.typeName))")
        }
        return object
    }

    static func article(_ noun: String) -> String {
        switch noun {
        case "null": noun
        case "array", "object", "integer": "an \(noun)"
        default: "a \(noun)"
        }
    }
}
