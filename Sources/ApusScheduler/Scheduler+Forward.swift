import ApusCore
import ApusEngine
import ApusWire
import Logging

extension Scheduler {
    /// Runs the step and takes in what it made; returns the seconds that the model took.
    func forward() -> Double {
        guard !builder.isEmpty else { return 0 }
        weightJobs?.gate.close()
        publish(isBusy: true)
        let start = clock()
        do {
            try worker.forward(builder.batch, result: &result)
        } catch {
            fail(error)
            return clock() - start
        }
        let seconds = clock() - start
        budget.observe(
            prefillRows: builder.prefillRows, decodeRows: builder.decodeRows, passes: builder.generationCount,
            seconds: seconds)
        builder.clearRows()
        precondition(result.outputs.count == builder.entries.count, "the worker owes one output a sequence")
        let moment = Clocks.unix()
        for index in builder.entries.indices { note(builder.entries[index], result.outputs[index], moment) }
        decoding.sweep()
        statistics.note(builder, seconds: seconds)
        if builder.decodeRows > 0 {
            ratio.step()
            logDecode()
        }
        return seconds
    }

    /// What the step made of one request.
    private func note(_ entry: BatchBuilder.Entry, _ output: SequenceOutput, _ moment: Double) {
        let request = entry.request
        request.computed += entry.rowCount
        request.notePromptLogprobs(output.promptLogprobs)
        let hidden = request.noteHidden(output.hidden)
        guard entry.isComplete else { return keepPrefix(request) }
        if request.timing.prefillFinished == 0 { request.timing.prefillFinished = moment }
        guard request.maxNewTokens > 0 else { return end(request, .length(0), keepsPrefix: true) }
        guard let token = output.token else { preconditionFailure("a token was asked for") }
        guard intake.isValid(token) || !request.isAtDeadEnd else {
            return end(
                request, .refused("Grammar accept_token failed: no token fits the text so far", status: 500),
                keepsPrefix: true)
        }
        guard intake.isValid(token) else {
            // Nothing computed from such numbers may be met by others.
            request.noteWeights(generations.label(of: request.generation))
            request.append(intake.substitute(for: request), logprobs: output.logprobs, hidden: hidden)
            return end(request, .notANumber, keepsPrefix: false)
        }
        if request.phase == .prefilling { keepPrefix(request) }
        request.noteWeights(generations.label(of: request.generation))
        request.append(token, logprobs: output.logprobs, hidden: hidden)
        statistics.generatedTokens += 1
        log.generated += 1
        if let reason = intake.ending(of: request, token: token) ?? jump(request) {
            return end(request, reason, keepsPrefix: true)
        }
        if request.phase == .prefilling {
            request.phase = .decoding
            decoding.join(request)
        }
        outputs.offer(request)
    }

    /// Lets others share what is computed.
    private func keepPrefix(_ request: Request) {
        guard let table = request.table else { preconditionFailure("a running request has memory") }
        cache.extend(&request.lease, request.tokens, to: request.computed, table: table)
    }

    /// The step did not happen, and the KV of its rows is undefined: its requests end, the others go on.
    private func fail(_ error: any Error) {
        logger.error("a step failed and ends its \(builder.entries.count) requests: \(error)")
        builder.clearRows()
        for entry in builder.entries {
            end(entry.request, .refused("The model could not run: \(error)", status: 500), keepsPrefix: false)
        }
        decoding.sweep()
    }
}
