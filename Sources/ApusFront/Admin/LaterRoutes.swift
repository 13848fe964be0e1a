import HTTPTypes
import Hummingbird

/// Routes of the contract that this version does not serve: they answer 400 and say so, and change nothing. Routes that
/// are in no contract are 404.
struct LaterRoutes: Sendable {
    let service: FrontService

    private static let control: [(path: String, methods: [HTTPRequest.Method])] = [
        ("/update_weights_from_tensor", [.post]), ("/update_weights_from_distributed", [.post]),
        ("/update_weights_from_ipc", [.post]), ("/init_weights_update_group", [.post]),
        ("/destroy_weights_update_group", [.post]),
        ("/weights_checker", [.post]),
        ("/start_profile", [.get, .post]),
        ("/stop_profile", [.get, .post]), ("/set_internal_state", [.post]), ("/slow_down", [.get, .post]),
    ]

    private static let about = RouteDocument("Refused by this version")

    func add(to table: inout RouteTable) {
        for (path, methods) in Self.control {
            table.add(path, methods: methods, access: .admin, about: Self.about) { _ throws(FrontError) in
                throw .control("\(path) is not supported by this version yet.")
            }
        }
    }
}
