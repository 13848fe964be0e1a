import ApusCore
import Testing

@Suite struct SamplingParametersTests {
    @Test func defaultsAreTheContracts() {
        let parameters = SamplingParameters()
        #expect(parameters.maxNewTokens == 128)
        #expect(parameters.temperature == 1 && parameters.topP == 1 && parameters.topK == nil && parameters.minP == 0)
        #expect(parameters.skipSpecialTokens && parameters.spacesBetweenSpecialTokens)
        #expect(!parameters.isGreedy && !parameters.watchesText)
    }

    @Test func oneCandidateIsGreedyAtAnyTemperature() {
        var parameters = SamplingParameters()
        parameters.topK = 1
        parameters.temperature = 3
        #expect(parameters.isGreedy)
        parameters.topK = 2
        #expect(!parameters.isGreedy)
    }

    @Test func stopStringsAndPatternsMakeTheTextWatched() {
        var parameters = SamplingParameters()
        parameters.stopTokenIDs = [3]
        #expect(!parameters.watchesText)
        parameters.stopStrings = [""]
        #expect(parameters.watchesText)
        parameters.stopStrings = []
        parameters.stopRegexes = ["a+"]
        #expect(parameters.watchesText)
    }
}
