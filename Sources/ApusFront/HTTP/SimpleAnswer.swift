import ApusJSON
import Hummingbird

extension FrontService {
    /// Reads a JSON object and answers with what `handle` makes of it, on a worker.
    func answer(
        _ request: FrontRequest, _ handle: @escaping @Sendable (JSONObject) throws(FrontError) -> JSONValue
    ) async throws(FrontError) -> Response {
        try JSONBody.checkType(request.http)
        let received = try await bodies.read(request.http, request.channel)
        let bytes = try await work.run(size: received.bytes.readableBytes) { () throws(FrontError) in
            try handle(try JSONBody.parse(received.bytes)).serialized
        }
        return .json(bytes: bytes)
    }
}
