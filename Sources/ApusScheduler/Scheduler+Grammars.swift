import ApusCore
import ApusEngine
import ApusGrammar
import ApusWire

/// Requests with a grammar wait beside the queue until it is compiled.
extension Scheduler {
    static let noGrammars = """
        Grammar-based generation (json_schema, regex, ebnf, structural_tag) is not supported when the server is \
        launched with --grammar-backend none
        """

    /// Whether a request's grammar can be had: it is known to be none, or too many others wait for theirs.
    func checkGrammar(of sampling: SamplingParameters) throws(Intake.Refusal) -> GrammarQueue.Verdict? {
        guard let source = sampling.grammar else { return nil }
        guard grammarWorker != nil else { throw Intake.Refusal(Self.noGrammars) }
        let verdict = grammars.verdict(on: source)
        if case .invalid(let reason) = verdict { throw Intake.Refusal(Self.failure(source, reason)) }
        guard verdict != nil || grammars.isInWork(source) || !grammars.isFull else {
            throw Intake.Refusal("The grammar queue is full.", status: 503)
        }
        return verdict
    }

    private static func failure(_ source: GrammarSource, _ reason: String) -> String {
        "Failed to compile \(source.kind.name) grammar: \(reason)"
    }

    /// A new request goes into the queue, or waits for its grammar first.
    func line(up request: Request, _ verdict: GrammarQueue.Verdict?) {
        guard let source = request.sampling.grammar else { return queue.insert(request) }
        if case .ready(let grammar) = verdict { return begin(request, under: grammar) }
        guard let grammarWorker else { preconditionFailure("a grammar was accepted that nobody can compile") }
        request.phase = .compiling
        grammars.add(request, waitingFor: source, grammarWorker)
    }

    private func begin(_ request: Request, under grammar: CompiledGrammar) {
        request.sampler.bind(GrammarMatcher(grammar, endTokens: request.grammarEndTokens))
        request.phase = .waiting
        // Weights may have changed since it came.
        request.move(to: generations.current)
        queue.insert(request)
    }

    /// Takes in what has been compiled.
    func tendGrammars() {
        guard let grammarWorker else { return }
        for (id, outcome, seconds) in grammarWorker.take() {
            grammars.noteCompilation(seconds: seconds)
            guard let (source, requests) = grammars.settle(id, outcome) else { continue }
            for request in requests {
                switch outcome {
                case .ready(let grammar): begin(request, under: grammar)
                case .invalid(let reason): refuse(request, .refused(Self.failure(source, reason), status: 400))
                case .timedOut: refuse(request, Self.timeout(source))
                }
            }
        }
    }

    static func timeout(_ source: GrammarSource) -> FinishReason {
        .refused("Grammar preprocessing timed out: \(source.kind.name) grammar", status: 400)
    }

    /// Ends a request that the grammar queue holds no more.
    private func refuse(_ request: Request, _ reason: FinishReason) {
        requests[request.rid] = nil
        ended.append(EndedRequest(rid: request.rid, finish: reason))
    }

    /// Ends those that have waited for too long.
    func expireGrammars() {
        for request in grammars.requests where now - request.queuedAt > configuration.grammarTimeout {
            guard let source = request.sampling.grammar else { continue }
            grammars.noteTimeout()
            stop(request, Self.timeout(source))
        }
    }

    /// Leaves the grammar queue.
    func forsakeGrammar(_ request: Request) {
        guard let grammarWorker else { preconditionFailure("a request waits for a grammar that nobody compiles") }
        grammars.remove(request, grammarWorker)
    }

    // MARK: - Jumps

    /// Tokens that a jump appends at most, so that no step gets long.
    private static let longestJump = 64

    /// Appends tokens while the grammar leaves no choice. The sampler would give each of them probability 1 whatever
    /// the logits are, so that output and log probabilities are those of single steps; the next step computes their KV
    /// in one go. Returns why the request ends with one of them, if it does.
    func jump(_ request: Request) -> FinishReason? {
        // A hidden state is wanted of each token's own row.
        guard configuration.jumpsForward, request.hidden == nil else { return nil }
        for _ in 0..<Self.longestJump {
            guard let token = request.sampler.onlyToken else { return nil }
            request.append(
                token,
                logprobs: request.sampler.certainLogprobs(token, vocabularySize: worker.vocabularySize))
            statistics.generatedTokens += 1
            statistics.jumpedTokens += 1
            log.generated += 1
            if let reason = intake.ending(of: request, token: token) { return reason }
        }
        return nil
    }
}
