import HTTPTypes

/// Who may call what: bearer keys by class of route (RFC 6750, section 2.1).
struct Authorization: Sendable {
    let apiKey: String?
    let adminKey: String?

    /// Liveness must be visible without a key; a preflight cannot carry one.
    static let openPrefixes = ["/health", "/ready", "/metrics"]

    /// Whether a request with this `Authorization` header may go on.
    func allows(
        path: String, method: HTTPRequest.Method, access: RouteAccess, header: String?
    ) -> Bool {
        if method == .options || Self.openPrefixes.contains(where: path.hasPrefix) { return true }
        guard let key = requiredKey(access) else { return true }
        guard let given = header.flatMap(Self.bearer) else { return false }
        return Self.areEqual(given, key)
    }

    /// An admin key opens operators' routes alone, and an API key does not open those then.
    private func requiredKey(_ access: RouteAccess) -> String? {
        switch access {
        case .normal: apiKey
        case .admin: adminKey ?? apiKey
        }
    }

    private static func bearer(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// Takes the same time wherever the first difference is.
    static func areEqual(_ given: String, _ key: String) -> Bool {
        let given = Array(given.utf8)
        let key = Array(key.utf8)
        var difference = given.count ^ key.count
        for index in given.indices {
            difference |= Int(given[index] ^ (key.isEmpty ? 0 : key[index % key.count]))
        }
        return difference == 0 && !key.isEmpty
    }
}
