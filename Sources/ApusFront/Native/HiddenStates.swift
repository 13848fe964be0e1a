import ApusJSON
import ApusWire

/// The hidden states of one sample as they come.
struct HiddenStates {
    private let request: HiddenRequest
    /// JSON arrays of numbers, by position.
    private var prompt: [JSONValue] = []
    private var output: [JSONValue] = []

    init(_ request: HiddenRequest) {
        self.request = request
    }

    mutating func absorb(_ update: ReplyUpdate) {
        prompt += update.promptHidden.map(Self.json)
        output += update.hidden.map(Self.json)
        guard request == .last else { return }
        prompt = prompt.suffix(1)
        output = output.suffix(1)
    }

    /// Of a whole answer: first the matrix of the prompt, whose last row chose the first token, then one vector for each
    /// further token. Of the last row: that one alone.
    var json: JSONValue {
        switch request {
        case .last: .array(Array((output.isEmpty ? prompt : output).suffix(1)))
        case .full: .array([.array(prompt)] + output.dropFirst())
        }
    }

    /// The last row that there is, which OpenAI-style answers show.
    var last: JSONValue { output.last ?? prompt.last ?? [] }

    private static func json(_ state: HiddenState) -> JSONValue {
        .array(state.numbers.map { .double(Double($0)) })
    }
}
