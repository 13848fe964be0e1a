import ApusJSON

/// What a `/generate` body says about log probabilities, one item a prompt.
struct LogprobFields {
    struct Item {
        var isWanted: Bool
        var start: Int
        var topCount: Int
        var tokenIDs: [Int]
    }

    let items: [Item]

    init(_ body: JSONObject, count: Int) throws(FrontError) {
        let wanted = try body.perPrompt("return_logprob", count: count)
        let starts = try body.perPrompt("logprob_start_len", count: count)
        let tops = try body.perPrompt("top_logprobs_num", count: count)
        let chosen = try Self.chosen(body, count: count)
        var items: [Item] = []
        for index in 0..<count {
            items.append(
                Item(
                    isWanted: wanted[index]?.boolValue ?? false, start: starts[index]?.intValue ?? -1,
                    topCount: tops[index]?.intValue ?? 0, tokenIDs: chosen[index]))
        }
        self.items = items
    }

    /// A flat list is for every prompt.
    private static func chosen(_ body: JSONObject, count: Int) throws(FrontError) -> [[Int]] {
        guard let list = body.given("token_ids_logprob")?.arrayValue else { return Array(repeating: [], count: count) }
        guard list.first?.arrayValue != nil else {
            return Array(repeating: list.compactMap(\.intValue), count: count)
        }
        guard list.count == count else {
            throw .refused("The length of token_ids_logprob (\(list.count)) must equal the batch size (\(count)).")
        }
        return list.map { ($0.arrayValue ?? []).compactMap(\.intValue) }
    }
}
