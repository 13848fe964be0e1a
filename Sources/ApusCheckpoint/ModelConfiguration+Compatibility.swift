extension ModelConfiguration {
    /// What may differ between two checkpoints of which one takes the other's place: the numbers' format (which the
    /// loader judges), and what requests are judged by, which stays as it was.
    private static let free: Set<String> = [
        "elementType", "endTokenIDs", "beginTokenID", "members", "modelType", "quantization",
    ]

    /// The first difference that makes weights of `other` unfit for a server of this model, in words; nil: none.
    package func difference(from other: ModelConfiguration) -> String? {
        // Reflection, so that what is added to the configuration is compared without being listed here.
        for (mine, theirs) in zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children) {
            guard let name = mine.label, !Self.free.contains(name) else { continue }
            guard let here = mine.value as? AnyHashable, let there = theirs.value as? AnyHashable else {
                preconditionFailure("\(name) cannot be compared")
            }
            if here != there { return "\(name) is \(there.base), the model in service has \(here.base)" }
        }
        return nil
    }
}
