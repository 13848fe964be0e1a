import ApusEngine
import Testing

struct SystemMemoryTests {
    private func machine(totalGiB: Int, availableGiB: Int) -> FakeSystem {
        let system = FakeSystem()
        system.write(
            "/proc/meminfo",
            "MemTotal:       \(totalGiB << 20) kB\nMemFree: 5 kB\nMemAvailable:   \(availableGiB << 20) kB\n")
        return system
    }

    @Test func withoutControlGroups() {
        let system = machine(totalGiB: 24, availableGiB: 20)
        #expect(SystemMemory(files: system.files) == SystemMemory(capacity: 24 << 30, available: 20 << 30))
        #expect(SystemMemory(files: FakeSystem().files) == nil)
    }

    @Test func theTightestAncestorOfVersion2Counts() {
        let system = machine(totalGiB: 64, availableGiB: 60)
        system.write("/proc/self/cgroup", "0::/system.slice/apus.service\n")
        system.write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        system.write("/sys/fs/cgroup/system.slice/memory.max", "\(8 << 30)\n")
        system.write("/sys/fs/cgroup/system.slice/memory.current", "\(5 << 30)\n")
        system.write("/sys/fs/cgroup/system.slice/memory.stat", "anon 1\ninactive_file \(1 << 30)\n")
        system.write("/sys/fs/cgroup/system.slice/apus.service/memory.max", "max\n")
        #expect(SystemMemory(files: system.files) == SystemMemory(capacity: 8 << 30, available: 4 << 30))
        system.write("/sys/fs/cgroup/system.slice/apus.service/memory.max", "\(2 << 30)\n")
        #expect(SystemMemory(files: system.files) == SystemMemory(capacity: 2 << 30, available: 2 << 30))
        system.write("/sys/fs/cgroup/system.slice/apus.service/memory.current", "\(3 << 30)\n")
        #expect(SystemMemory(files: system.files)?.available == 0)
    }

    /// In a container the group's path is the host's; its files lie at the root of the mount.
    @Test func aContainersOwnRoot() {
        let system = machine(totalGiB: 64, availableGiB: 60)
        system.write("/proc/self/cgroup", "0::/../../kubepods/pod1\n")
        system.write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        system.write("/sys/fs/cgroup/memory.max", "\(4 << 30)\n")
        #expect(SystemMemory(files: system.files)?.capacity == 4 << 30)
    }

    @Test func version1() {
        let system = machine(totalGiB: 64, availableGiB: 60)
        system.write("/proc/self/cgroup", "3:cpuset:/\n4:memory:/job/1\n0::/\n")
        system.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
        system.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "\(16 << 30)\n")
        system.write("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "\(3 << 30)\n")
        system.write("/sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file \(1 << 30)\n")
        #expect(SystemMemory(files: system.files) == SystemMemory(capacity: 16 << 30, available: 14 << 30))
    }
}
