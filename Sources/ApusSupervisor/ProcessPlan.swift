/// How the roles are started: the same executable, each with its own arguments.
package struct ProcessPlan: Sendable {
    package var executable: String
    /// Without the executable's name.
    package var arguments: @Sendable (Role) -> [String]
    package var environment: [String: String]

    /// The descriptor that each child finds open for as long as its parent lives (see `Lifeline`).
    package static let lifelineDescriptor: Int32 = 3

    package init(
        executable: String, environment: [String: String], arguments: @escaping @Sendable (Role) -> [String]
    ) {
        self.executable = executable
        self.environment = environment
        self.arguments = arguments
    }
}
