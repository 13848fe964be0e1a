import ApusCore
import ApusWire

@testable import ApusScheduler

/// A request as the scheduler would hold it, for tests of a part.
func request(
    _ arrival: UInt64, prompt: [Int32] = [1, 2, 3], limit: Int = 8, output: [Int32] = [], namespace: String = "",
    ignoreEOS: Bool = false
) -> Request {
    var sampling = SamplingParameters()
    sampling.maxNewTokens = limit
    sampling.ignoreEOS = ignoreEOS
    let message = GenerateRequest(rid: "r\(arrival)", schedulerEpoch: 1, inputIDs: prompt, sampling: sampling)
    let admitted = Intake.Admitted(
        prompt: prompt, maxNewTokens: limit, interval: 1,
        namespace: PrefixNamespace(name: namespace, generation: 0), endTokenIDs: [],
        grammarEndTokens: [])
    let made = Request(message, admitted: admitted, arrival: arrival, seed: 0, now: 0)
    for token in output { made.append(token, logprobs: nil) }
    return made
}

func configuration(_ change: (inout SchedulerConfiguration) -> Void = { _ in }) -> SchedulerConfiguration {
    var configuration = SchedulerConfiguration(epoch: 1, processID: 1)
    change(&configuration)
    return configuration
}
