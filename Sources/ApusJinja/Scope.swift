/// Names and their values, with the scopes around. Confined to one rendering, hence to one thread.
final class Scope: @unchecked Sendable {
    private var values: [String: Value]
    private let parent: Scope?

    init(parent: Scope? = nil, values: [String: Value] = [:]) {
        self.parent = parent
        self.values = values
    }

    func lookup(_ name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }

    func set(_ name: String, _ value: Value) {
        values[name] = value
    }
}
