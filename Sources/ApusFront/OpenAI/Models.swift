import ApusCore
import ApusJSON
import ApusWire
import Hummingbird

/// `GET /v1/models` and `GET /v1/models/{id}`; ids may hold slashes.
struct ModelRoutes: Sendable {
    let service: FrontService

    func add(to table: inout RouteTable) {
        table.add("/v1/models", methods: [.get], about: RouteDocument("The model served")) { _ throws(FrontError) in
            .json(["object": "list", "data": [card]])
        }
        table.addPrefix("/v1/models/", methods: [.get], about: RouteDocument("One model")) {
            request throws(FrontError) in
            guard request.rest == service.servedModelName else { throw .modelNotFound(request.rest) }
            return .json(card)
        }
    }

    private var card: JSONValue {
        let name = JSONValue.string(service.servedModelName)
        let length = service.monitor.ring.ready.map { JSONValue($0.contextLength) } ?? .null
        return [
            "id": name, "object": "model", "created": JSONValue(Int(Clocks.unix())), "owned_by": "sglang",
            "root": name, "parent": nil, "max_model_len": length,
        ]
    }
}
