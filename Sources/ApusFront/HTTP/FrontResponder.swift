import HTTPTypes
package import Hummingbird
import NIOCore

/// What Hummingbird knows about a request besides the request.
package struct FrontContext: InitializableFromSource {
    let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}

/// The way of every request: key, route, handler, error, access log.
package struct FrontResponder: HTTPResponder {
    let routes: RouteTable
    let authorization: Authorization
    let accessLog: (@Sendable (String) -> Void)?

    package func respond(to request: Request, context: FrontContext) async throws -> Response {
        var response = await answer(request, context)
        CrossOrigin.mark(&response, for: request)
        // RFC 9110, section 9.3.2: the fields of the answer, and nothing after them.
        if request.method == .head { response = response.createHeadResponse() }
        if let accessLog {
            accessLog(AccessLog.line(request, response.status, from: context.channel.remoteAddress))
        }
        return response
    }

    private func answer(_ request: Request, _ context: FrontContext) async -> Response {
        if let preflight = CrossOrigin.preflight(request) { return preflight }
        let path = request.uri.path
        let header = request.headers[.authorization] ?? AnthropicRoutes.authorization(request)
        guard
            authorization.allows(
                path: path, method: request.method, access: routes.access(of: path), header: header)
        else { return AnthropicRoutes.refusal(.unauthorized, path).response }
        switch routes.match(path, request.method) {
        case .nothing: return FrontError.notFound.response
        case .wrongMethod(let allow): return FrontError.methodNotAllowed(allow: allow).response
        case .found(let route, let rest):
            do throws(FrontError) {
                return try await route.handler(
                    FrontRequest(http: request, channel: context.channel, rest: rest))
            } catch {
                return error.response
            }
        }
    }
}

/// Lines as uvicorn writes them, which log tools around SGLang parse.
enum AccessLog {
    static func line(_ request: Request, _ status: HTTPResponse.Status, from address: SocketAddress?) -> String {
        let client = address.map { "\($0.ipAddress ?? "-"):\($0.port ?? 0)" } ?? "-"
        let phrase = status.reasonPhrase.isEmpty ? "" : " \(status.reasonPhrase)"
        return
            "INFO:     \(client) - \"\(request.method.rawValue) \(escaped(request.uri.string)) HTTP/1.1\" \(status.code)\(phrase)"
    }

    /// A target holds no control characters by grammar; a line of ours must not rely on it.
    private static func escaped(_ target: String) -> String {
        guard target.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return target }
        return String(
            String.UnicodeScalarView(target.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}
