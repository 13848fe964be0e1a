import ApusJSON
import ApusWire

/// The answer of `/get_weights_by_name`.
enum WeightRows {
    /// Numbers in one answer at most.
    private static let numbersPerAnswer = 4 << 20

    static let missing = ControlReply.failed(message: "Get parameter by name failed")

    /// - Parameter read: The tensor's shape, and as many of its first rows as it is told.
    static func reply(_ rowCount: Int, _ read: (Int) -> (shape: [Int], rows: [[Float]])?) -> ControlReply {
        guard rowCount >= 0, let (shape, _) = read(0),
            min(rowCount, shape[0]) * shape.dropFirst().reduce(1, *) <= numbersPerAnswer, let (_, rows) = read(rowCount)
        else { return missing }
        let numbers = rows.map { row in JSONValue.array(row.map { .double(Double($0)) }) }
        return .rows(json: (shape.count == 1 ? numbers.first ?? [] : .array(numbers)).description)
    }
}
