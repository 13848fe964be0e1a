import ApusCore
import ApusJSON
import ApusText
import ApusWire

@testable import ApusFront

/// Bodies of `/generate`: what is not refused must be fit for the scheduler.
let fuzzGenerate: Subject = { bytes in
    guard let body = try? JSONValue(parsing: bytes).objectValue else { return }
    plan(body)
}

/// Bodies of `/v1/chat/completions`, and what they come to on `/generate`.
let fuzzChat: Subject = { bytes in
    guard let body = try? JSONValue(parsing: bytes).objectValue else { return }
    let setting = ChatRequest.Setting(
        codec: BytesAsTokens(), options: OpenAIOptions(), toolFormat: ToolCallFormat(named: "hermes"),
        reasoning: nil, isCompact: false)
    guard let request = try? ChatRequest(body, setting) else { return }
    plan(request.native)
}

private func plan(_ body: JSONObject) {
    var configuration = FrontConfiguration(modelPath: "m")
    configuration.maximumBatch = 16
    let planner = GeneratePlanner(
        configuration: configuration, codec: BytesAsTokens(), ready: scheduler, sessions: SessionTable())
    guard let outline = try? planner.outline(body), let plan = try? planner.plan(body, outline) else { return }
    precondition(plan.samples.count <= configuration.maximumBatch)
    for sample in plan.samples {
        precondition(!sample.inputIDs.isEmpty && sample.inputIDs.count < scheduler.contextLength)
        precondition(sample.inputIDs.allSatisfy { (0..<Int32(scheduler.vocabularySize)).contains($0) })
        precondition(sample.sampling.temperature.isFinite && sample.sampling.temperature >= 0)
        precondition(sample.sampling.minNewTokens >= 0)
    }
}

private let scheduler = SchedulerReady(
    schedulerEpoch: 1, processID: 1, maxTotalTokens: 4_096, maxRequestInputLength: 2_041, maxRunningRequests: 8,
    contextLength: 2_048, vocabularySize: 300, endTokenIDs: [256], weightVersion: "default", details: "{}")

private struct BytesAsTokens: PromptCodec {
    private static let template = try? ChatTemplate(
        source: "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{{ tools | tojson if tools }}",
        specialTokens: [:])

    func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] { text.utf8.map(Int32.init) }
    func encode(_ text: String, atMost count: Int) -> [Int32] { text.utf8.prefix(count).map(Int32.init) }
    func encodePair(_ first: String, _ second: String) -> Encoding { Encoding(ids: [], typeIDs: []) }
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        String(decoding: ids.compactMap { UInt8(exactly: $0) }, as: UTF8.self)
    }
    func bytes(of id: Int32) -> [UInt8] { UInt8(exactly: id).map { [$0] } ?? [] }
    func tokenID(of text: String) -> Int32? { nil }
    var chatTemplate: ChatTemplate? { Self.template }
    var modelMaxLength: Int? { nil }
}
