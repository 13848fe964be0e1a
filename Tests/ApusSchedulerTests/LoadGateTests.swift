import ApusCore
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

@Suite struct LoadGateTests {
    private struct Progress {
        var isComputing = false
        var pieces = 0
        /// Pieces that met a step.
        var collisions = 0
        var isOver = false
    }

    private func loader(_ gate: LoadGate, _ progress: Monitor<Progress>, pieces: Int) -> NamedThread {
        NamedThread("loader") {
            gate.work {
                for _ in 0..<pieces {
                    gate.pass()
                    progress.change { if $0.isComputing { $0.collisions += 1 } }
                    progress.change { $0.pieces += 1 }
                    progress.change { if $0.isComputing { $0.collisions += 1 } }
                }
            }
            progress.change { $0.isOver = true }
        }
    }

    @Test func noPieceIsDoneWhileAStepRuns() {
        let gate = LoadGate(patience: 60)
        let progress = Monitor(Progress())
        gate.close()
        let thread = loader(gate, progress, pieces: 3000)
        var steps = 0
        while !progress.wait(atMost: 0, until: \.isOver) {
            gate.close()
            progress.change { $0.isComputing = true }
            let before = progress.change { $0.pieces }
            for _ in 0..<20 { progress.change { _ in } }
            #expect(progress.change { $0.pieces } == before)
            progress.change { $0.isComputing = false }
            // Nothing lent is a piece all the same.
            gate.lend(steps % 2 == 0 ? 0 : 20e-6)
            steps += 1
        }
        thread.join()
        #expect(steps > 1 && progress.change { $0.collisions } == 0 && progress.change { $0.pieces } == 3000)
    }

    @Test func nobodyWaitsWhereNobodyLoads() {
        let gate = LoadGate(patience: 60)
        let progress = Monitor(Progress())
        gate.close()
        gate.lend(60)
        gate.close()
        // Jobs that begin at a closed gate stand there until steps are over.
        let thread = loader(gate, progress, pieces: 10)
        #expect(!progress.wait(atMost: 0.002) { $0.pieces > 0 })
        gate.open()
        thread.join()
        #expect(progress.change { $0.pieces } == 10)
        gate.close()
    }

    @Test func aLoaderThatIsLateHoldsUpNobody() {
        let gate = LoadGate(patience: 0)
        let isStuck = Monitor(true)
        let isThere = Monitor(false)
        let thread = NamedThread("loader") {
            gate.work {
                gate.pass()
                isThere.change { $0 = true }
                isStuck.wait { !$0 }
            }
        }
        isThere.wait { $0 }
        for _ in 0..<3 {
            gate.close()
            gate.lend(0)
        }
        isStuck.change { $0 = false }
        thread.join()
    }

    @Test func aLateLoaderIsWaitedForOnceAPiece() {
        let gate = LoadGate(patience: 0)
        let isStuck = Monitor(true)
        let pieces = Monitor(0)
        let hasReturned = Monitor(false)
        let loader = NamedThread("loader") {
            gate.work {
                for _ in 0..<2 {
                    gate.pass()
                    pieces.change { $0 += 1 }
                    isStuck.wait { !$0 }
                }
            }
        }
        pieces.wait { $0 == 1 }
        gate.close()
        // Whoever waits for this piece again waits for long.
        let rescue = NamedThread("rescue") {
            if !hasReturned.wait(atMost: 20, until: { $0 }) { isStuck.change { $0 = false } }
        }
        gate.lend(600)
        hasReturned.change { $0 = true }
        #expect(isStuck.change { $0 })
        rescue.join()
        gate.close()
        isStuck.change { $0 = false }
        gate.lend(600)
        loader.join()
        #expect(pieces.change { $0 } == 2)
    }

    @Test func aSchedulerThatWaitsForMessagesLeavesTheGateOpen() {
        let library = FakeLibrary()
        let bench = Bench(library: library)
        let isLoaded = Monitor(false)
        library.state.withLock { $0.pieces = 3 }
        bench.worker.onForward = { [time = bench.time] _ in time.now += 1e-9 }
        bench.generate("stream", [5, 6, 7], limit: 2) { $0.ignoreEOS = true }
        bench.send(.control(call: 1, .updateWeights(.init(path: "w7", format: nil, version: "b", flushesCache: true))))
        bench.step()
        bench.jobs.runOne()
        bench.step()
        #expect(bench.streams["stream"]?.finish == .length(2))
        // The load begins when the last stream is over, and nothing comes that would open the gate.
        let jobs = bench.jobs
        var thread: NamedThread?
        bench.inbox.onWait = {
            if thread == nil {
                thread = NamedThread("loader") {
                    jobs.runOne()
                    isLoaded.change { $0 = true }
                }
            }
            #expect(isLoaded.wait(atMost: 20) { $0 })
        }
        bench.scheduler.run(until: { thread != nil })
        bench.scheduler.step()
        thread?.join()
        #expect(bench.scheduler.generations.current == 1)
    }

    /// A whole update beside a stream, on a thread of its own.
    @Test func aLoadGetsOnBesideAStreamAndNeverDuringItsSteps() {
        let library = FakeLibrary()
        let bench = Bench(library: library)
        let isComputing = Monitor(false)
        let collisions = Monitor(0)
        library.state.withLock { state in
            state.pieces = 50
            state.onPiece = { if isComputing.change({ $0 }) { collisions.change { $0 += 1 } } }
        }
        bench.worker.onForward = { [time = bench.time] _ in
            isComputing.change { $0 = true }
            time.now += 0.0001
            isComputing.wait(atMost: 0.0001) { !$0 }
            isComputing.change { $0 = false }
        }
        bench.generate("stream", [5, 6, 7], limit: 400) { $0.ignoreEOS = true }
        bench.step()
        bench.send(.control(call: 1, .updateWeights(.init(path: "w7", format: nil, version: "b", flushesCache: true))))
        bench.step()
        bench.jobs.runOne()
        bench.step()
        let jobs = bench.jobs
        let thread = NamedThread("loader") { jobs.runOne() }
        while bench.scheduler.generations.current == 0 { bench.step() }
        thread.join()
        #expect(collisions.change { $0 } == 0)
        #expect(bench.streams["stream"]?.finish == nil, "the load took until the stream's end")
        bench.runToIdle()
        #expect(bench.streams["stream"]?.ids.count == 400)
    }
}
