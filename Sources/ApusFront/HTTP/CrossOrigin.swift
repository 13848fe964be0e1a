import HTTPTypes
import Hummingbird

/// Cross-origin requests (WHATWG Fetch, section 3.3): every origin may do everything, as browsers' playgrounds expect.
enum CrossOrigin {
    private static let allowOrigin = HTTPField.Name("Access-Control-Allow-Origin")!
    private static let allowCredentials = HTTPField.Name("Access-Control-Allow-Credentials")!
    private static let allowMethods = HTTPField.Name("Access-Control-Allow-Methods")!
    private static let allowHeaders = HTTPField.Name("Access-Control-Allow-Headers")!
    private static let maxAge = HTTPField.Name("Access-Control-Max-Age")!
    private static let requestMethod = HTTPField.Name("Access-Control-Request-Method")!
    private static let requestHeaders = HTTPField.Name("Access-Control-Request-Headers")!

    /// The answer to a preflight; nil for everything else, a plain OPTIONS included.
    static func preflight(_ request: Request) -> Response? {
        guard request.method == .options, let origin = request.headers[.origin],
            request.headers[requestMethod] != nil
        else { return nil }
        var response = Response.text("OK")
        response.headers[allowOrigin] = origin
        response.headers[allowCredentials] = "true"
        response.headers[allowMethods] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        response.headers[maxAge] = "600"
        response.headers[.vary] = "Origin"
        if let headers = request.headers[requestHeaders] { response.headers[allowHeaders] = headers }
        return response
    }

    static func mark(_ response: inout Response, for request: Request) {
        guard request.headers[.origin] != nil, response.headers[allowOrigin] == nil else { return }
        response.headers[allowOrigin] = "*"
        response.headers[allowCredentials] = "true"
    }
}
