import ApusCore
import ApusJSON
import ApusWire

/// The answer to one sample as it grows: the one path to both the stream's chunks and the buffered answer, which is
/// what all chunks together say.
struct GenerateAnswer {
    /// What is the same for every answer of a server or of a request.
    struct Setting {
        let look: AnswerLook
        let weightVersion: String
        let showsTimes: Bool
        /// Chunks carry what is new since the last one.
        let isIncremental: Bool
        /// Seconds of the Unix clock.
        let receivedAt: Double
        let decode: (Int32) -> String
        /// Chunks are sent before the end.
        let isStream: Bool
        /// The answer's whole text is wanted at its end, also when chunks carry only what is new.
        let keepsText: Bool
    }

    private let sample: PlannedSample
    private let setting: Setting
    private let rows: LogprobRows
    /// Position in the expanded batch; nil for a single request.
    private let index: Int?

    /// JSON bytes of the text without its quotes, and of the ids without brackets.
    private var text: [UInt8] = []
    private var ids: [UInt8] = []
    private var wholeText = ""
    private var output = LogprobRows.Rows()
    private var prompt = LogprobRows.Rows()
    private var hidden: HiddenStates?
    private var logprobCount = 0
    private var hasSentChunk = false
    private var dispatchedAt = 0.0
    private(set) var finish: FinishReason?
    private var last = ReplyUpdate()

    init(_ sample: PlannedSample, index: Int?, _ setting: Setting) {
        self.sample = sample
        self.index = index
        self.setting = setting
        hidden = sample.hidden.map(HiddenStates.init)
        rows = LogprobRows(text: setting.look.showsLogprobText ? setting.decode : nil)
    }

    /// `moment`: Unix seconds at which the request went to the scheduler.
    mutating func noteDispatch(at moment: Double) { dispatchedAt = moment }

    mutating func absorb(_ update: ReplyUpdate) {
        if setting.isIncremental {
            text.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
            output = LogprobRows.Rows()
        }
        JSONWriter.append(content: update.text, to: &text)
        if setting.keepsText { wholeText += update.text }
        for id in update.ids {
            if !ids.isEmpty { ids.append(UInt8(ascii: ",")) }
            JSONWriter.append(Int64(id), to: &ids)
        }
        hidden?.absorb(update)
        if sample.logprobs != nil {
            let new = rows.rows(update.logprobs, isPrompt: false)
            output.tokens += new.tokens
            output.top += new.top
            output.chosen += new.chosen
            logprobCount += update.logprobs.count
            if !update.promptLogprobs.isEmpty { prompt = rows.rows(update.promptLogprobs, isPrompt: true) }
        }
        last = update
        finish = update.finish
    }

    /// Appends the response object with what was absorbed, as JSON.
    mutating func appendChunk(to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + text.count + ids.count + 512)
        bytes += "{\"text\":\"".utf8
        bytes += text
        bytes += "\",\"output_ids\":[".utf8
        bytes += ids
        bytes += "],\"meta_info\":".utf8
        var meta = JSONMemberWriter(behind: &bytes)
        appendMeta(now: Clocks.unix(), to: &meta)
        bytes = meta.finish()
        if setting.look.showsPromptIDs {
            bytes += ",\"prompt_token_ids\":".utf8
            JSONWriter.append(sample.promptIDs.map { JSONValue($0) }, to: &bytes)
        }
        if let index {
            bytes += ",\"index\":".utf8
            JSONWriter.append(Int64(index), to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        hasSentChunk = true
    }

    /// For the request log, once the answer is complete.
    /// Without what only the client can use, row by row: it would fill any log.
    var summary: JSONObject {
        var meta = JSONObject()
        appendMeta(now: Clocks.unix(), to: &meta)
        for key in meta.keys where key == "hidden_states" || key.contains("logprobs") { meta[key] = nil }
        return ["text": .string(wholeText), "meta_info": .object(meta)]
    }
}

// MARK: - meta_info

extension GenerateAnswer {
    private func appendMeta(now: Double, to meta: inout some JSONMembers) {
        meta.append("id", .string(sample.rid))
        meta.append("finish_reason", finish?.json(neverRan: last.neverRan) ?? .null)
        if last.neverRan {
            let weights = WeightVersions(Usage(promptTokens: 0), fallback: setting.weightVersion)
            meta.append("weight_version", weights.last)
            meta.append("e2e_latency", .double(now - setting.receivedAt))
            meta.append("weight_versions", weights.json)
            meta.append("completion_tokens", 0)
            meta.append("response_sent_to_client_ts", .double(now))
            return
        }
        let usage = last.usage
        meta.append("prompt_tokens", JSONValue(usage.promptTokens))
        meta.append("weight_version", WeightVersions.last(usage, fallback: setting.weightVersion))
        meta.append("num_retractions", JSONValue(usage.retractions))
        // The older name, for clients that wait for the whole answer; streams never had it.
        if !setting.isStream { meta.append("total_retractions", JSONValue(usage.retractions)) }
        if let logprobs = sample.logprobs { appendLogprobs(logprobs, to: &meta) }
        if setting.showsTimes { appendEarlyTimes(to: &meta) }
        meta.append("reasoning_tokens", 0)
        meta.append("completion_tokens", JSONValue(usage.completionTokens))
        meta.append("cached_tokens", JSONValue(usage.cachedTokens))
        if finish != nil { meta.append("weight_versions", WeightVersions(usage, fallback: setting.weightVersion).json) }
        meta.append(
            "cached_tokens_details",
            usage.cachedTokens > 0 ? ["device": JSONValue(usage.cachedTokens), "host": 0] : .null)
        meta.append("dp_rank", .null)
        if let hidden { meta.append("hidden_states", hidden.json) }
        if finish != nil {
            meta.append("e2e_latency", .double(now - setting.receivedAt))
            if setting.showsTimes { appendLateTimes(to: &meta) }
        }
        if !hasSentChunk { meta.append("response_sent_to_client_ts", .double(now)) }
    }

    private func appendLogprobs(_ request: LogprobRequest, to meta: inout some JSONMembers) {
        meta.append("input_token_logprobs", .array(prompt.tokens))
        meta.append("output_token_logprobs", .array(output.tokens))
        meta.append("output_token_logprobs_length", JSONValue(logprobCount))
        if request.topCount > 0 {
            meta.append("input_top_logprobs", .array(prompt.top))
            meta.append("output_top_logprobs", .array(output.top))
        }
        if !request.tokenIDs.isEmpty {
            meta.append("input_token_ids_logprobs", .array(prompt.chosen))
            meta.append("output_token_ids_logprobs", .array(output.chosen))
        }
    }

    private func appendEarlyTimes(to meta: inout some JSONMembers) {
        let timing = last.timing
        meta.append("storage_prefetch_wait", 0.0)
        meta.append("storage_staging_wait", 0.0)
        meta.append("forward_entry_time", .double(timing.forwardEntry))
        meta.append("prefill_finished_time", .double(timing.prefillFinished))
        meta.append("queue_time", .double(max(0, timing.forwardEntry - timing.queued)))
    }

    private func appendLateTimes(to meta: inout some JSONMembers) {
        let timing = last.timing
        meta.append("request_received_ts", .double(setting.receivedAt))
        meta.append("first_token_latency", .double(max(0, timing.prefillFinished - setting.receivedAt)))
        meta.append("api_server_dispatch_finish_ts", .double(dispatchedAt))
        meta.append("request_finished_ts", .double(timing.finished))
        let seconds = timing.finished - timing.prefillFinished
        let count = Double(max(0, last.usage.completionTokens - 1))
        meta.append("decode_throughput", .double(seconds > 0 ? count / seconds : 0))
    }
}
