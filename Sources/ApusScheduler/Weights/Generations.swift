import ApusWire

/// The weights that a worker holds, numbered in the order in which they came into service.
///
/// New requests begin on the current ones; a request keeps the generation that it began with, unless it is frozen when
/// the weights change. Cached prefixes belong to one generation, whatever the weights are called.
struct Generations {
    private(set) var current = 0
    /// In the worker's memory.
    private(set) var resident: Set<Int> = [0]
    /// What responses call them.
    private var labels: [Int: String]
    /// Where the current ones came from; nil: as at launch.
    private(set) var path: String?
    private(set) var format: String?

    /// Those that the worker was made with.
    init(_ configuration: SchedulerConfiguration) {
        labels = [0: configuration.weightVersion]
        path = configuration.weightPath
        format = configuration.weightFormat
    }

    var label: String { label(of: current) }

    /// The current ones can run.
    var isThere: Bool { resident.contains(current) }

    func label(of generation: Int) -> String {
        guard let label = labels[generation] else { preconditionFailure("weights \(generation) were forgotten") }
        return label
    }

    mutating func rename(to label: String) { labels[current] = label }

    /// Puts the next weights in service.
    mutating func advance(label: String?, path: String?, format: String?) {
        labels[current + 1] = label ?? self.label
        current += 1
        self.path = path
        self.format = format
        resident.insert(current)
        labels = labels.filter { resident.contains($0.key) }
    }

    /// The worker has let go of them.
    mutating func drop(_ generation: Int) {
        precondition(resident.remove(generation) != nil)
        // Whoever waits with it is told its name; only the current ones come back.
        if generation != current { labels[generation] = nil }
    }

    /// The current ones are in memory again.
    mutating func restore() {
        precondition(resident.insert(current).inserted)
    }
}
