/// Methods of Python's dict, list and tuple. Those that change their receiver are not there: the sandbox forbids them.
enum CollectionMethods {
    static func method(_ name: String, of dictionary: Dictionary) -> Function? {
        switch name {
        case "items":
            Function(name) { _ in .list(dictionary.entries.map { .tuple([.string($0.key), $0.value]) }) }
        case "keys":
            Function(name) { _ in .list(dictionary.entries.map { .string($0.key) }) }
        case "values":
            Function(name) { _ in .list(dictionary.entries.map(\.value)) }
        case "get":
            Function(name) { arguments in
                guard let key = arguments.positional.first else { throw TemplateError.type("get expected an argument") }
                let fallback = arguments.positional.count > 1 ? arguments.positional[1] : .none
                guard case .string(let key) = key else { return fallback }
                return dictionary[key] ?? fallback
            }
        case "copy":
            Function(name) { _ in .dictionary(dictionary) }
        default: nil
        }
    }

    static func method(_ name: String, of items: [Value]) -> Function? {
        switch name {
        case "index":
            Function(name) { arguments in
                guard let position = items.firstIndex(where: { arguments.positional.first?.equals($0) ?? false }) else {
                    throw TemplateError.type("\(arguments.positional.first?.representation ?? "") is not in list")
                }
                return .integer(position)
            }
        case "count":
            Function(name) { arguments in
                .integer(items.count { arguments.positional.first?.equals($0) ?? false })
            }
        case "copy":
            Function(name) { _ in .list(items) }
        default: nil
        }
    }
}
