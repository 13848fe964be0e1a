import ApusWire
import Hummingbird

/// Which experts of a mixture tokens visit: recorded between a start and a stop, written to files by a dump.
struct ExpertRoutes: Sendable {
    let service: FrontService

    private static let routes: [(path: String, summary: String, action: ExpertAction)] = [
        ("/start_expert_distribution_record", "Record whom tokens visit, from nothing", .start),
        ("/stop_expert_distribution_record", "Record no further", .stop),
        ("/dump_expert_distribution_record", "Write the record to files, and forget it", .dump),
    ]

    func add(to table: inout RouteTable) {
        for (path, summary, action) in Self.routes {
            table.add(
                path, methods: [.get, .post], access: .admin, about: RouteDocument(summary, answer: .text)
            ) { _ throws(FrontError) in
                switch try await service.control(.recordExperts(action)) {
                case .done(let message): return .text(message)
                case .failed(let message): throw .control(message)
                case .rows: preconditionFailure("a record makes no rows")
                }
            }
        }
    }
}
