import ApusObserve
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

func usleepBriefly() { usleep(1000) }

struct HourlyFileTests {
    private func text(_ path: String) -> String? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test
    func `an hour has a file, in a folder that is made`() {
        let directory = TemporaryDirectory()
        let file = HourlyFile(folder: "\(directory.path)/logs", prefix: "requests")
        file.write("a", time: 1_795_824_777)
        file.write("b", time: 1_795_824_778)
        file.write("c", time: 1_795_824_777 + 3600)
        #expect(text("\(directory.path)/logs/requests-2026-11-28-00.log") == "a\nb\n")
        #expect(text("\(directory.path)/logs/requests-2026-11-28-01.log") == "c\n")
        // Another process goes on with it.
        HourlyFile(folder: "\(directory.path)/logs", prefix: "requests").write("d", time: 1_795_824_779)
        #expect(text("\(directory.path)/logs/requests-2026-11-28-00.log") == "a\nb\nd\n")
        #expect(file.lostCount == 0)
    }

    @Test
    func `a full disk loses lines and nothing else`() {
        let file = HourlyFile(folder: "/dev/full/x", prefix: "requests")
        file.write("a")
        file.write("b")
        #expect(file.lostCount == 2)
    }
}
