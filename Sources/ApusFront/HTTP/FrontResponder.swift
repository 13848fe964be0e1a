import ApusCore
import ApusWire
import HTTPTypes
package import Hummingbird
import NIOCore

/// What Hummingbird knows about a request besides the request.
package struct FrontContext: InitializableFromSource {
    let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }

    init(channel: any Channel) {
        self.channel = channel
    }
}

/// The way of every request: key, route, handler, error, access log.
package struct FrontResponder: HTTPResponder {
    let routes: RouteTable
    let settings: LiveSettings
    let observer: RequestObserver
    /// The server ends: clients are to go elsewhere with their next request.
    let isDraining: @Sendable () -> Bool

    package func respond(to request: Request, context: FrontContext) async throws -> Response {
        let match = routes.match(request.uri.path, request.method)
        let call = observer.begin(request.headers, method: request.method, endpoint: match.path)
        var response = await answer(request, context, match, call)
        CrossOrigin.mark(&response, for: request)
        // RFC 9110, section 9.3.2: the fields of the answer, and nothing after them.
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[HTTPCall.requestIDHeader] = call.origin.requestID
        if let trace = call.origin.trace { response.headers[HTTPCall.traceHeader] = trace.header }
        if isDraining() { response.headers[.connection] = "close" }
        call.answer(response.status.code)
        if response.body.contentLength == nil { response.body = response.body.holding(call) }
        settings.current.accessLog?(AccessEntry(request, response.status, from: context.channel.remoteAddress, call))
        return response
    }

    private func answer(
        _ request: Request, _ context: FrontContext, _ match: RouteTable.Match, _ call: HTTPCall
    ) async -> Response {
        if let preflight = CrossOrigin.preflight(request) { return preflight }
        let path = request.uri.path
        let header = request.headers[.authorization]
        guard
            settings.authorization.allows(
                path: path, method: request.method, access: routes.access(of: path), header: header)
        else { return FrontError.unauthorized.response }
        switch match {
        case .nothing: return FrontError.notFound.response
        case .wrongMethod(let allow): return FrontError.methodNotAllowed(allow: allow).response
        case .found(let route, let rest):
            do throws(FrontError) {
                return try await route.handler(
                    FrontRequest(http: request, channel: context.channel, rest: rest, call: call))
            } catch {
                return error.response
            }
        }
    }
}

extension RouteTable.Match {
    /// The path of the route that was found.
    fileprivate var path: String? {
        if case .found(let route, _) = self { route.path } else { nil }
    }
}

extension ResponseBody {
    /// The same, during which `object` stays.
    fileprivate func holding(_ object: HTTPCall) -> ResponseBody {
        let body = self
        return ResponseBody { writer in
            try await body.write(writer)
            withExtendedLifetime(object) {}
        }
    }
}
