import Testing

@testable import apus_bench

@Suite struct DatasetTests {
    private func dataset(_ name: DatasetName) -> Dataset {
        Dataset(
            name: name, count: 12, inputLength: 40, outputLength: 16, rangeRatio: 0.5, groups: 3, prefixLength: 100,
            turns: 4, documents: 0, vocabulary: 5_000)
    }

    @Test(arguments: DatasetName.allCases) func equalSeedsMakeEqualRequests(name: DatasetName) {
        let one = dataset(name).requests(seed: 3)
        #expect(one.map(\.tokens) == dataset(name).requests(seed: 3).map(\.tokens))
        #expect(one.map(\.tokens) != dataset(name).requests(seed: 4).map(\.tokens))
        #expect(one.count == 12)
        #expect(one.allSatisfy { $0.tokens.allSatisfy { (256..<5_000).contains($0) } })
        #expect(one.allSatisfy { (8...16).contains($0.outputLength) })
    }

    @Test func lengthsStayInTheirRange() {
        #expect(dataset(.random).requests(seed: 1).allSatisfy { (20...40).contains($0.tokens.count) })
    }

    @Test func groupsShareTheirPrefix() {
        let requests = dataset(.generatedSharedPrefix).requests(seed: 1)
        #expect(requests[0].tokens.prefix(100) == requests[3].tokens.prefix(100))
        #expect(requests[0].tokens.prefix(100) != requests[1].tokens.prefix(100))
        #expect(requests[0].tokens.dropFirst(100) != requests[3].tokens.dropFirst(100))
    }

    @Test func aTurnGoesOnFromTheLast() {
        let requests = dataset(.multiTurn).requests(seed: 1)
        #expect(requests[3].tokens.starts(with: requests[0].tokens))
        #expect(requests[3].tokens.count >= requests[0].tokens.count + requests[0].outputLength + 20)
        #expect(requests.map(\.previous) == [nil, nil, nil, 0, 1, 2, 3, 4, 5, 6, 7, 8])
        for request in requests { #expect(request.tokens.suffix(request.question.count) == request.question[...]) }
        #expect(requests.allSatisfy { (20...40).contains($0.question.count) })
    }

    @Test func urlsAreTakenApart() throws {
        let endpoint = try Endpoint(url: "http://localhost:8080/base/")
        #expect(endpoint.host == "localhost" && endpoint.port == 8080 && endpoint.prefix == "/base")
        #expect(try Endpoint(url: "http://h").port == 80)
        #expect(throws: HTTPFailure.self) { try Endpoint(url: "https://h") }
    }
}
