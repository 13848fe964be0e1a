import ApusJSON
import ApusObserve
import ApusWire
import Hummingbird
import Logging

/// `POST /configure_logging`: what is logged from now on, by all processes.
struct LoggingRoute: Sendable {
    let service: FrontService

    private static let rules = [
        FieldRule("log_requests", .bool), FieldRule("log_requests_level", .integer),
        FieldRule("log_requests_format", .string), FieldRule("log_level", .string),
    ]
    private static let unsupported = [
        "log_requests_target", "dump_requests_folder", "dump_requests_threshold", "crash_dump_folder",
    ]

    func add(to table: inout RouteTable) {
        table.add(
            "/configure_logging", methods: [.post], access: .admin,
            about: RouteDocument("What is logged from now on", body: Self.rules, answer: .nothing)
        ) { request throws(FrontError) in
            try await configure(request)
        }
    }

    private func configure(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request)
        try body.check(Self.rules)
        for name in Self.unsupported where body.given(name) != nil { throw .notYet(name) }
        var settings = LogSettings(logsRequests: body.given("log_requests")?.boolValue)
        if let level = body.given("log_level")?.stringValue {
            guard Logger.Level(rawValue: level.lowercased()) != nil else {
                throw .schema("log_level: expected trace, debug, info, warning, error or critical, got \(level)")
            }
            settings.level = level.lowercased()
        }
        var requestLevel: RequestLog.Level?
        if let number = body.given("log_requests_level")?.intValue {
            requestLevel = RequestLog.Level(rawValue: number)
            guard requestLevel != nil else { throw .schema("log_requests_level: expected 0 to 3, got \(number)") }
        }
        var format: RequestLog.Format?
        if let name = body.given("log_requests_format")?.stringValue {
            format = RequestLog.Format(rawValue: name)
            guard format != nil else { throw .schema("log_requests_format: expected text or json, got \(name)") }
        }
        service.configuration.requestLog.configure(isOn: settings.logsRequests, level: requestLevel, format: format)
        guard settings != LogSettings() else { return .empty() }
        ProcessLog.configure(level: settings.level, logsRequests: settings.logsRequests)
        // A scheduler that is not there begins as the launch has it.
        if (try? service.scheduler()) != nil { _ = try await service.control(.configureLogging(settings)) }
        return .empty()
    }
}
