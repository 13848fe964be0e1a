import ApusObserve
import ArgumentParser

/// `apus version`: what this is, and what it runs on.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

    @Flag(help: "Also show the allocator.")
    var verbose = false

    func run() {
        print("apus \(Version.text)")
        guard verbose else { return }
        print("allocator: jemalloc \(Allocator.version ?? "unknown")")
        // What malloc gives is seen in jemalloc's own books, if it is jemalloc that gives it.
        let before = MemoryStatistics.current().allocated
        let block = UnsafeMutableRawPointer.allocate(byteCount: 16 << 20, alignment: 16)
        let growth = MemoryStatistics.current().allocated - before
        block.deallocate()
        print("malloc of \(16 << 20) bytes: jemalloc counted \(growth)")
    }
}
