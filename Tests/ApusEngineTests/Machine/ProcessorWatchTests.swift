import Testing

@testable import ApusEngine

@Suite struct ProcessorWatchTests {
    private func times(_ line: String) -> ProcessorWatch.Times? {
        let system = FakeSystem()
        system.write("/proc/stat", "\(line)\ncpu0 1 2 3\n")
        return ProcessorWatch.times(system.files)
    }

    @Test func whatIsNeitherOursNorIdleIsOthers() throws {
        let begin = try #require(times("cpu  100 0 100 1000 0 0 0 0 0 0"))
        let end = try #require(times("cpu  500 100 200 1700 100 50 50 300 0 0"))
        // 1,000 ticks of 1,800 are busy, 400 of them ours.
        #expect(begin.all == 12 && begin.busy == 2 && end.all == 30 && end.busy == 12)
        #expect(ProcessorWatch.share(from: (begin, 1), to: (end, 5)) == 6.0 / 18)
        #expect(ProcessorWatch.share(from: (begin, 1), to: (end, 99)) == 0)
        #expect(ProcessorWatch.share(from: (begin, 1), to: (begin, 1)) == nil)
    }

    @Test func whatIsNotThereIsNotTold() {
        #expect(times("intr 1 2 3") == nil && times("cpu 1 2 3") == nil)
        let system = FakeSystem()
        #expect(ProcessorWatch(files: system.files).othersShare() == nil)
    }
}
