import ApusCore
import ApusJSON

/// Requests that the tests make, and what may come of them.
enum Requests {
    /// Greedy, of a fixed length, whatever the model thinks of the end.
    static func generate(_ text: String, tokens: Int, stream: Bool = false) -> JSONValue {
        [
            "text": .string(text),
            "sampling_params": ["temperature": 0, "max_new_tokens": JSONValue(tokens), "ignore_eos": true],
            "stream": .bool(stream),
        ]
    }

    /// How a streaming request ended for its client.
    enum Ending: Equatable {
        /// The whole answer and the end marker.
        case complete(text: String)
        /// An event that says what went wrong, and the end of the stream.
        case error(String)
        /// Another status than 200.
        case refused(Int)
        /// The connection broke: whoever held it is gone.
        case broken
        /// More than one ending, or none.
        case malformed(String)
    }

    /// Reads a stream to its end and judges it: exactly one ending, and nothing after it.
    static func ending(of exchange: Exchange, onEvent: (JSONValue) -> Void = { _ in }) -> Ending {
        var text = ""
        var endings: [Ending] = []
        var isDone = false
        do {
            try exchange.readHead()
            guard exchange.status == 200 else { return .refused(exchange.status) }
            while let event = try exchange.readEvent() {
                onEvent(event)
                if isDone { return .malformed("an event after the end: \(event)") }
                if event == "[DONE]" {
                    isDone = true
                } else if let message = event["error"]?["message"]?.stringValue {
                    endings.append(.error(message))
                } else {
                    text = event["text"]?.stringValue ?? text
                    guard let reason = event["meta_info"]?["finish_reason"], !reason.isNull else { continue }
                    let isError = (reason["status_code"]?.intValue ?? 0) >= 400
                    endings.append(isError ? .error(reason["message"]?.stringValue ?? "") : .complete(text: text))
                }
            }
        } catch {
            return endings.isEmpty ? .broken : .malformed("broken after the end")
        }
        guard isDone, endings.count == 1 else { return .malformed("\(endings.count) endings, done: \(isDone)") }
        return endings[0]
    }

    /// Runs `body` for 0..<count at the same time, each on a thread of its own, and waits for all.
    static func concurrently<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) -> Value
    ) -> [Value] {
        let results = Synchronized<[Int: Value]>([:])
        let threads = (0..<count).map { index in
            NamedThread("client-\(index)") {
                let value = body(index)
                results.change { $0[index] = value }
            }
        }
        for thread in threads { thread.join() }
        let values = results.value
        return (0..<count).map { values[$0]! }
    }
}
