import ApusEngine
import Testing

struct ThreadPlanTests {
    /// Processors 0 ..< count, two threads a core when asked, in the way Linux numbers them.
    private func machine(_ count: Int, hyperthreads: Bool = false, allowed: String? = nil) -> FakeSystem {
        let system = FakeSystem()
        system.write("/proc/self/status", "Name:\tapus\nCpus_allowed_list:\t\(allowed ?? "0-\(count - 1)")\n")
        for processor in 0..<count {
            let half = count / 2
            let list = hyperthreads ? "\(processor % half),\(processor % half + half)" : "\(processor)"
            system.write("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list", list + "\n")
        }
        return system
    }

    private func limit(_ system: FakeSystem, _ text: String) {
        system.write("/proc/self/cgroup", "0::/\n")
        system.write("/sys/fs/cgroup/cgroup.controllers", "cpu\n")
        system.write("/sys/fs/cgroup/cpu.max", text)
    }

    @Test func oneThreadAPhysicalCore() throws {
        for (system, threads) in [
            (machine(8), 8), (machine(8, hyperthreads: true), 4),
            (machine(8, hyperthreads: true, allowed: "0,4,1"), 2), (machine(8, allowed: "2-4,7"), 4),
        ] {
            #expect(try ThreadPlan(files: system.files).threadCount == threads)
        }
    }

    /// Node n has processors n * size ..< (n + 1) * size.
    private func nodes(_ count: Int, of size: Int, allowed: String? = nil) -> FakeSystem {
        let system = machine(count * size, allowed: allowed)
        system.write("/sys/devices/system/node/online", count == 1 ? "0\n" : "0-\(count - 1)\n")
        for node in 0..<count {
            system.write("/sys/devices/system/node/node\(node)/cpulist", "\(node * size)-\((node + 1) * size - 1)\n")
        }
        return system
    }

    /// Large machines keep a core for the other processes, and bind threads node by node.
    @Test func largeMachinesAreBound() throws {
        let systems = [nodes(1, of: 32), nodes(2, of: 24), nodes(1, of: 4)]
        let one = try ThreadPlan(files: systems[0].files)
        #expect(one.threadCount == 31 && one.processors == Array(0..<31) && one.nodeCount == 1)
        let two = try ThreadPlan(files: systems[1].files)
        #expect(two.threadCount == 47 && two.processors == Array(0..<47) && two.nodeCount == 2)
        let small = try ThreadPlan(files: systems[2].files)
        #expect(small.threadCount == 4 && small.processors.isEmpty && small.nodeCount == 1)
    }

    /// A cpuset over a corner of one node and most of another begins with the latter; a quota stays on one node.
    @Test func threadsStayOnFewNodes() throws {
        let systems = [nodes(2, of: 8, allowed: "6-12"), nodes(2, of: 8, allowed: "8-15")]
        let corner = try ThreadPlan(files: systems[0].files)
        #expect(corner.processors == [8, 9, 10, 11, 12, 6, 7] && corner.nodeCount == 2)
        let system = nodes(2, of: 8)
        limit(system, "800000 100000")
        let limited = try ThreadPlan(files: system.files)
        #expect(limited.processors == Array(0..<8) && limited.nodeCount == 1)
        let hidden = try ThreadPlan(files: systems[1].files)
        #expect(hidden.threadCount == 8 && hidden.nodeCount == 1)
    }

    /// The two threads of a core count once, on whichever node.
    @Test func coresOfNodesCountOnce() throws {
        let system = machine(8, hyperthreads: true)
        system.write("/sys/devices/system/node/online", "0-1\n")
        system.write("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n")
        system.write("/sys/devices/system/node/node1/cpulist", "2-3,6-7\n")
        let plan = try ThreadPlan(files: system.files)
        #expect(plan.processors == [0, 1, 2, 3] && plan.nodeCount == 2)
        let bound = try ThreadPlan(binding: "0,2", files: system.files)
        #expect(bound.nodeCount == 2 && bound.threadCount == 2)
    }

    @Test func quotasAreRoundedDown() throws {
        let system = machine(8)
        for (text, threads) in [
            ("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("10000000 100000", 8), ("junk", 8),
        ] {
            limit(system, text)
            #expect(try ThreadPlan(files: system.files).threadCount == threads, "\(text)")
        }
    }

    @Test func quotasOfVersion1() throws {
        let system = machine(8)
        system.write("/proc/self/cgroup", "5:cpu,cpuacct:/job\n")
        system.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
        system.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
        #expect(try ThreadPlan(files: system.files).threadCount == 8)
        system.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n")
        system.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n")
        #expect(try ThreadPlan(files: system.files).threadCount == 3)
    }

    @Test func aNumberGivenIsTaken() throws {
        let system = machine(4)
        limit(system, "100000 100000")
        let plan = try ThreadPlan(threads: 6, files: system.files)
        #expect(plan.threadCount == 6)
        #expect(plan.processors.isEmpty)
    }

    @Test func bindsToTheListOfTheRank() throws {
        let system = machine(8)
        let files = system.files
        let first = try ThreadPlan(binding: "0-2|4,6", files: files)
        #expect(first.threadCount == 3)
        #expect(first.processors == [0, 1, 2])
        #expect(try ThreadPlan(binding: "0-2|4,6", rank: 1, files: files).processors == [4, 6])
        #expect(try ThreadPlan(threads: 3, binding: "4,6", files: files).processors == [4, 6, 4])
        #expect(try ThreadPlan(binding: "", files: files).processors.isEmpty)
        for bad in ["x", "0-", "3-1", "-1", "0||1", "0-1|", "99999999999"] {
            #expect(throws: ThreadPlan.Failure.self, "\(bad)") {
                try ThreadPlan(binding: bad, rank: bad.contains("|") ? 1 : 0, files: files)
            }
        }
        let error = #expect(throws: ThreadPlan.Failure.self) { try ThreadPlan(binding: "7-8", files: files) }
        #expect(
            error?.description == "SGLANG_CPU_OMP_THREADS_BIND is '7-8', but this process may only use processors "
                + "0,1,2,3,4,5,6,7")
        withExtendedLifetime(system) {}
    }

    @Test func thisMachineHasThreads() throws {
        #expect(try ThreadPlan().threadCount >= 1)
        #expect(SystemMemory().map { $0.capacity >= $0.available && $0.available > 0 } == true)
    }
}
