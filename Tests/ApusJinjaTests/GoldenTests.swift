import ApusJSON
import ApusJinja
import Foundation
import Testing

/// What Jinja2 makes of the same templates: `Tests/Fixtures/jinja/make_jinja_goldens.py`.
@Suite struct GoldenTests {
    private static let goldens: JSONValue = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../Fixtures/jinja/goldens.json")
        guard let bytes = try? Data(contentsOf: file), let value = try? JSONValue(parsing: [UInt8](bytes)) else {
            preconditionFailure("\(file.path) cannot be read")
        }
        return value
    }()

    /// The goldens' moment, as local time: that is what `strftime_now` shows.
    private static let now: Double = {
        let numbers = (goldens["now"]?.stringValue ?? "").split { !$0.isNumber }.compactMap { Int32($0) }
        precondition(numbers.count == 6)
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
        parts.tm_isdst = -1
        return Double(mktime(&parts))
    }()

    @Test func everyTemplateRendersAsJinja2DoesOrFailsWhereItFails() throws {
        let shared = try #require(Self.goldens["data"])
        let cases = try #require(Self.goldens["cases"]?.arrayValue)
        #expect(cases.count > 700)
        for item in cases {
            let template = item["template"]?.stringValue ?? ""
            let variables = item["variables"]?.objectValue == nil ? shared : item["variables"] ?? shared
            guard case .dictionary(let dictionary) = Value(variables) else { continue }
            let names = [String: Value](uniqueKeysWithValues: dictionary.entries.map { ($0.key, $0.value) })
            let result = Result { try Template(template).render(names, now: Self.now) }
            if let expected = item["expected"]?.stringValue {
                switch result {
                case .success(let text):
                    #expect(
                        text.unicodeScalars.elementsEqual(expected.unicodeScalars), "\(template)\n\(text)\n\(expected)")
                case .failure(let error):
                    Issue.record("\(template)\nfails: \(error)\nexpected: \(expected)")
                }
            } else {
                check(result, item, template)
            }
        }
    }

    private func check(_ result: Result<String, any Error>, _ item: JSONValue, _ template: String) {
        switch result {
        case .success(let text):
            Issue.record("\(template)\nshould fail (\(item["fails"]?.stringValue ?? "")), gives: \(text)")
        case .failure(TemplateError.syntax):
            #expect(item["fails"]?.stringValue == "syntax", "\(template)")
        case .failure(TemplateError.raised(let message)):
            #expect(message == item["message"]?.stringValue, "\(template)")
        case .failure(let error):
            #expect(item["fails"]?.stringValue == "runtime", "\(template)\n\(error)")
        }
    }
}

extension Value {
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(Int(value))
        case .double(let value): self = .float(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .list(items.map { Value($0) })
        case .object(let object): self = .dictionary(Dictionary(object.map { ($0.key, Value($0.value)) }))
        }
    }
}
