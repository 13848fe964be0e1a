/// The sizes that every request is measured by, fixed once the pool is known.
package struct Limits: Sendable, Equatable {
    /// Tokens of the KV pool, whole pages.
    package let capacity: Int
    package let contextLength: Int
    /// Longest prompt and output together.
    package let longestRequest: Int
    /// A prompt must be shorter than this.
    package let longestInput: Int
    package let maxRunningRequests: Int

    package init(_ configuration: SchedulerConfiguration, slotCount: Int, modelContextLength: Int) {
        let pageSize = configuration.pageSize
        capacity = slotCount / pageSize * pageSize
        contextLength = min(configuration.contextLength ?? modelContextLength, modelContextLength)
        longestRequest = min(contextLength, capacity) - 1
        longestInput = longestRequest - 5
        let automatic = min(max(capacity * 512 / max(contextLength, 1), 2048), 4096)
        maxRunningRequests = max(1, min(configuration.maxRunningRequests ?? automatic, capacity / 2))
    }
}
