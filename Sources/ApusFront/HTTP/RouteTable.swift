import HTTPTypes
import Hummingbird
import NIOCore

/// Whose key opens a route (the contract's classes).
enum RouteAccess: Sendable {
    case normal
    /// Operators' routes: the admin key, when there is one.
    case admin
}

/// A request as handlers see it.
struct FrontRequest: Sendable {
    let http: Request
    let channel: any Channel
    /// What follows the prefix of a prefix route, percent-decoded; else empty.
    let rest: String
    let call: HTTPCall
}

typealias RouteHandler = @Sendable (FrontRequest) async throws(FrontError) -> Response

/// All routes: path to methods to handler. Routes are few and fixed, and a wrong method must name the right ones.
struct RouteTable: Sendable {
    struct Route: Sendable {
        let path: String
        let access: RouteAccess
        /// In the order in which `Allow` names them.
        let methods: [HTTPRequest.Method]
        let about: RouteDocument
        let handler: RouteHandler
    }

    enum Match: Sendable {
        case found(Route, rest: String)
        /// The path exists, the method does not.
        case wrongMethod(allow: String)
        case nothing
    }

    private(set) var routes: [String: [Route]] = [:]
    private(set) var prefixes: [Route] = []

    mutating func add(
        _ paths: String..., methods: [HTTPRequest.Method], access: RouteAccess = .normal, about: RouteDocument,
        _ handler: @escaping RouteHandler
    ) {
        for path in paths {
            routes[path, default: []].append(
                Route(path: path, access: access, methods: methods, about: about, handler: handler))
        }
    }

    /// Matches every path that begins with `prefix` and goes on.
    mutating func addPrefix(
        _ prefix: String, methods: [HTTPRequest.Method], about: RouteDocument, _ handler: @escaping RouteHandler
    ) {
        prefixes.append(Route(path: prefix, access: .normal, methods: methods, about: about, handler: handler))
    }

    /// The class of a path; unknown ones are normal.
    func access(of path: String) -> RouteAccess {
        routes[path]?.first?.access ?? .normal
    }

    func match(_ path: String, _ method: HTTPRequest.Method) -> Match {
        var candidates = routes[path] ?? []
        var rest = ""
        if candidates.isEmpty, let prefix = prefixes.first(where: { path.hasPrefix($0.path) && path != $0.path }) {
            candidates = [prefix]
            let encoded = path.dropFirst(prefix.path.count)
            rest = PercentDecoding.decode(encoded)
        }
        guard !candidates.isEmpty else { return .nothing }
        if let route = candidates.first(where: { $0.methods.contains(method) }) { return .found(route, rest: rest) }
        let allowed = candidates.flatMap(\.methods).map(\.rawValue)
        return .wrongMethod(allow: allowed.joined(separator: ", "))
    }
}

/// RFC 3986, section 2.1.
enum PercentDecoding {
    /// Broken escapes stay as they are; bytes that are no UTF-8 become U+FFFD.
    static func decode(_ text: some StringProtocol) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let high = digit(rest[rest.startIndex]), let low = digit(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
