import Synchronization
import Testing

@testable import ApusObserve

struct LoadProgressTests {
    @Test
    func `on a terminal a bar moves and ends with a line`() {
        let texts = Mutex<[String]>([])
        let progress = LoadProgress(title: "Loading", isTerminal: true) { text in texts.withLock { $0.append(text) } }
        progress.update(0.5, now: 1e9)
        progress.update(0.51, now: 1e9 + 0.01)
        progress.update(1, now: 1e9 + 0.02)
        progress.update(1, now: 1e9 + 1)
        texts.withLock {
            #expect(
                $0 == [
                    "\rLoading [###############...............] 50%",
                    "\rLoading [##############################] 100%\n",
                ])
        }
    }

    @Test
    func `elsewhere there is a line for each tenth, at most one in two seconds`() {
        let texts = Mutex<[String]>([])
        let progress = LoadProgress(title: "Loading", isTerminal: false) { text in texts.withLock { $0.append(text) } }
        for step in 0...100 { progress.update(Double(step) / 100, now: 1e9 + Double(step) * 0.1) }
        texts.withLock {
            #expect($0 == ["Loading: 10%", "Loading: 30%", "Loading: 50%", "Loading: 70%", "Loading: 90%"])
        }
    }
}
