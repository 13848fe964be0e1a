import ApusCore
import ApusJSON
import Testing

@testable import ApusFront

@Suite struct SamplingTests {
    private func read(_ object: JSONObject, preferred: JSONObject? = nil) throws -> SamplingReader.Reading {
        try SamplingFields.check(object)
        return try SamplingReader.read(
            object, preferred: preferred, vocabularySize: 300, grammars: GrammarOptions())
    }

    @Test func defaults() throws {
        let reading = try read([:])
        #expect(reading.parameters == SamplingParameters())
        #expect(reading.parameters.maxNewTokens == 128)
        #expect(reading.sampleCount == 1)
        #expect(!reading.hasExplicitLength)
        // Null is the default, except that a length of null has no bound.
        let nulls = JSONObject(SamplingFields.all.map { ($0.name, JSONValue.null) })
        var expected = SamplingParameters()
        expected.maxNewTokens = nil
        #expect(try read(nulls).parameters == expected)
    }

    @Test func valuesArrive() throws {
        let reading = try read([
            "max_new_tokens": 7, "min_new_tokens": 2, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1,
            "frequency_penalty": -1, "presence_penalty": 1.5, "repetition_penalty": 2,
            "logit_bias": ["5": 1, "299": -2.5], "sampling_seed": -9, "stop": "x", "stop_token_ids": [1, nil, 2, 300],
            "ignore_eos": true, "skip_special_tokens": false, "spaces_between_special_tokens": false,
            "no_stop_trim": true, "n": 3, "stream_interval": 4, "custom_params": ["a": 1], "beam_width": 1,
        ])
        let parameters = reading.parameters
        #expect(parameters.maxNewTokens == 7)
        #expect(parameters.minNewTokens == 2)
        #expect(parameters.temperature == 0.5)
        #expect(parameters.topP == 0.9)
        #expect(parameters.topK == 40)
        #expect(parameters.minP == 0.1)
        #expect(parameters.frequencyPenalty == -1)
        #expect(parameters.presencePenalty == 1.5)
        #expect(parameters.repetitionPenalty == 2)
        #expect(parameters.logitBias == [5: 1, 299: -2.5])
        #expect(parameters.seed == -9)
        #expect(parameters.stopStrings == ["x"])
        #expect(parameters.stopTokenIDs == [1, 2])
        #expect(parameters.ignoreEOS && !parameters.skipSpecialTokens && parameters.noStopTrim)
        #expect(!parameters.spacesBetweenSpecialTokens)
        #expect(reading.sampleCount == 3)
        #expect(reading.streamInterval == 4)
        #expect(reading.hasExplicitLength)
    }

    @Test func temperaturesNearZeroAreGreedy() throws {
        for temperature in [0, 1e-7, 9.9e-7] as [Double] {
            let parameters = try read(["temperature": .double(temperature), "top_k": 50]).parameters
            #expect(parameters.isGreedy && parameters.temperature == 1)
        }
        #expect(try !read(["temperature": 1e-6]).parameters.isGreedy)
        for unlimited in [-1, 300, 1_000_000] {
            #expect(try read(["top_k": JSONValue(unlimited)]).parameters.topK == nil)
        }
    }

    @Test func theRequestOverridesTheServersPreference() throws {
        let preferred: JSONObject = ["temperature": 0, "max_new_tokens": 5]
        let reading = try read(["max_new_tokens": 9], preferred: preferred)
        #expect(reading.parameters.isGreedy)
        #expect(reading.parameters.maxNewTokens == 9)
        #expect(try !read([:], preferred: preferred).hasExplicitLength)
    }

    @Test(
        arguments: [
            ("beam_width", 0, "beam_width must be at least 1, got 0."),
            ("beam_width", 2, "beam_width above 1 (beam search) is not supported, got 2."),
            ("temperature", -1.0, "temperature must be a non-negative finite number, got -1.0."),
            ("top_p", 0, "top_p must be in (0, 1], got 0."),
            ("top_p", 1.5, "top_p must be in (0, 1], got 1.5."),
            ("min_p", -0.5, "min_p must be in [0, 1], got -0.5."),
            ("top_k", 0, "top_k must be -1 (disable) or at least 1, got 0."),
            ("top_k", -2, "top_k must be -1 (disable) or at least 1, got -2."),
            ("frequency_penalty", 2.5, "frequency_penalty must be in [-2, 2], got 2.5."),
            ("presence_penalty", -3, "presence_penalty must be in [-2, 2], got -3."),
            ("repetition_penalty", 0, "repetition_penalty must be in (0, 2] (1.0 = no penalty), got 0."),
            ("repetition_penalty", 2.5, "repetition_penalty must be in (0, 2] (1.0 = no penalty), got 2.5."),
            ("min_new_tokens", -1, "min_new_tokens must be in [0, max_new_tokens], got -1."),
            ("min_new_tokens", 129, "min_new_tokens must be in [0, max_new_tokens(128)], got 129."),
            ("max_new_tokens", -1, "max_new_tokens must be at least 0, got -1."),
            ("logit_bias", ["300": 1], "logit_bias must has keys in [0, 299], got 300."),
            ("logit_bias", ["x": 1], "logit_bias must has keys in [0, 299], got x."),
            ("sampling_seed", 1.5, "sampling_seed must be an integer, got float."),
            ("sampling_seed", true, "sampling_seed must be an integer, got bool."),
            ("n", 0, "n must be at least 1, got 0."),
            ("stream_interval", 0, "stream_interval must be at least 1, got 0."),
            ("watermark", ["a": 1], "watermark is not supported."),
            ("choice", 1, "choice is not supported."),
        ] as [(String, JSONValue, String)])
    func ranges(_ name: String, _ value: JSONValue, _ message: String) throws {
        #expect(throws: FrontError.refused(message)) { try read([name: value]) }
    }

    @Test func longListsAndGrammars() throws {
        let many = JSONValue.array(Array(repeating: "a", count: 33))
        let long = JSONValue.string(String(repeating: "é", count: 150))
        for (object, message) in [
            (["stop": many], "at most 32 stop strings are allowed, got 33"),
            (["stop_regex": many], "at most 32 stop_regex patterns are allowed, got 33"),
            (["stop_regex": long], "stop_regex is 300 bytes, over the 256-byte limit"),
            (["regex": "a", "ebnf": "b"], "Only one of json_schema, regex, ebnf, or structural_tag can be set."),
        ] as [(JSONObject, String)] {
            #expect(throws: FrontError.refused(message)) { try read(object) }
        }
        #expect(try read(["regex": "", "ebnf": "", "stop_regex": []]).parameters == SamplingParameters())
    }

    /// Of several violations the first in the contract's order is reported.
    @Test func theOrderOfChecks() throws {
        let order: [(String, JSONValue)] = [
            ("stop", .array(Array(repeating: "a", count: 33))), ("beam_width", 0), ("temperature", -1), ("top_p", 2),
            ("min_p", 2), ("top_k", 0), ("frequency_penalty", 3), ("presence_penalty", 3), ("repetition_penalty", 3),
            ("min_new_tokens", -1), ("max_new_tokens", -1), ("logit_bias", ["x": 1]), ("sampling_seed", "s"),
        ]
        for index in order.indices {
            let object = JSONObject(order[index...].reversed())
            do {
                _ = try read(object)
                Issue.record("\(object) was accepted")
            } catch let error as FrontError {
                let name = order[index].0 == "stop" ? "stop strings" : order[index].0
                #expect(error.message.contains(name), "\(object)")
            }
        }
    }
}
