import ApusCore
import Testing

@testable import ApusText

@Suite struct TokenizerGoldenTests {
    /// Ids without and with special tokens, of pairs, and both decodings, for each string of the corpus; the texts of
    /// 500 random id sequences.
    @Test(arguments: TokenizerFixtures.names)
    func agreesWithHuggingFace(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        let corpus = TokenizerFixtures.corpus
        let expected = TokenizerFixtures.words(TokenizerFixtures.bytes(name + ".crc"))
        try #require(corpus.count >= 10_000 && expected.count == corpus.count + 500)

        // Each string is tokenised once; `encode` and `encodePair` are that and the post-processor.
        let sequences = corpus.map { tokenizer.encode($0, addSpecialTokens: false) }
        var different: [Int] = []
        for (index, ids) in sequences.enumerated() {
            var digest = Digest()
            let whole = tokenizer.postProcessor.process(ids, nil, addSpecialTokens: true).ids
            digest.add(ids)
            digest.add(whole)
            let next = (index + 1) % corpus.count
            let pair = tokenizer.postProcessor.process(ids, sequences[next], addSpecialTokens: true)
            digest.add(pair.ids)
            digest.add(pair.typeIDs)
            digest.add(tokenizer.decode(whole, skipSpecialTokens: false))
            digest.add(tokenizer.decode(whole, skipSpecialTokens: true))
            if digest.value != expected[index] { different.append(index) }
            if index % 100 == 0 {
                #expect(tokenizer.encode(corpus[index], addSpecialTokens: true) == whole)
                #expect(tokenizer.encodePair(corpus[index], corpus[next], addSpecialTokens: true) == pair)
            }
        }
        #expect(different.isEmpty, "\(different.count) strings, the first \(different.prefix(20))")

        var generator = SplitMix64(seed: 7)
        different = []
        for index in 0..<500 {
            let ids = TokenizerFixtures.randomSequence(&generator, below: tokenizer.vocabularySize)
            var digest = Digest()
            digest.add(tokenizer.decode(ids, skipSpecialTokens: false))
            digest.add(tokenizer.decode(ids, skipSpecialTokens: true))
            if digest.value != expected[corpus.count + index] { different.append(index) }
        }
        #expect(different.isEmpty, "\(different.count) sequences, the first \(different.prefix(20))")
    }

    /// libsentencepiece through the shim: its own ids and text for the same model file.
    @Test func agreesWithSentencePiece() throws {
        var configuration = TokenizerConfiguration()
        configuration.fillIn(beginning: nil, end: nil, pad: nil)
        let tokenizer = try Tokenizer(
            sentencePiece: TokenizerFixtures.directory + "spm.model", configuration: configuration)
        let expected = TokenizerFixtures.words(TokenizerFixtures.bytes("spm.crc"))
        try #require(expected.count == TokenizerFixtures.corpus.count)
        var different: [Int] = []
        var compared = 0
        for (index, text) in TokenizerFixtures.corpus.enumerated() where expected[index] != 0 {
            var digest = Digest()
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            digest.add(ids)
            digest.add(tokenizer.decode(ids, skipSpecialTokens: false))
            compared += 1
            if digest.value != expected[index] { different.append(index) }
        }
        #expect(compared > 9000)
        #expect(different.isEmpty, "\(different.count) strings, the first \(different.prefix(20))")
        #expect(tokenizer.encode("a", addSpecialTokens: true).first == tokenizer.bosTokenID)
    }
}
