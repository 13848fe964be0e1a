/// A search that tries a pattern at each place of the text, and again with more text where its end had a say.
struct BacktrackingSearch: Sendable {
    private let regex: Regex
    private var text: [UInt8] = []
    /// Places up to the end of the text where a match may begin, as far as is known.
    private var places = [0]

    init(_ regex: Regex) { self.regex = regex }

    mutating func append(_ piece: String, _ budget: inout StepBudget) -> StopPattern.Finding {
        for scalar in piece.unicodeScalars {
            text.append(scalar)
            places.append(text.count)
        }
        var finding = StopPattern.Finding.nothing
        text.withUnsafeBufferPointer { text in
            var matcher = RegexMatcher(regex, text, steps: budget.left)
            var open: [Int] = []
            for place in places {
                matcher.sawEnd = false
                if matcher.matches(at: place) { finding = .match }
                if matcher.stepsLeft <= 0 { finding = .gaveUp }
                guard finding == .nothing else { break }
                if matcher.sawEnd { open.append(place) }
            }
            places = open
            budget.spend(budget.left - matcher.stepsLeft)
        }
        return finding
    }
}
