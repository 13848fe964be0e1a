import ApusCore
import ApusObserve
import ApusTestSupport
import Testing

struct MetricsPageTests {
    @Test
    func `a page reads as it was written`() throws {
        var page = MetricsPage(labels: [("site", "a\\b\"c\nd")])
        page.gauge("x:depth", "What waits.\nSecond line, and a \\.", 3, [("queue", "q")])
        page.gauge("x:share", "Odd values.", [.init(.infinity, [("a", "1")]), .init(-0.5, [("a", "2")])])
        page.counter("x:things_total", "Things.", [.init(7)])
        page.counter("x:nothing_total", "Never seen.", [])
        var histogram = Histogram([0.1, 1])
        for value in [0.05, 0.5, 0.5, 9] { histogram.observe(value) }
        page.histogram("x:seconds", "Times.", [(histogram, [("s", "t")]), (Histogram([1]), [("s", "u")])])
        page.histogram("x:empty_seconds", "Never seen.", [(Histogram([1]), [])])

        let read = try ExpositionFormat(parsing: page.text)
        #expect(
            read.kinds == [
                "x:depth": "gauge", "x:share": "gauge", "x:things_total": "counter", "x:seconds": "histogram",
            ])
        #expect(read.value("x:depth", ["queue": "q", "site": "a\\b\"c\nd"]) == 3)
        #expect(read.value("x:share", ["a": "1"]) == .infinity)
        #expect(read.value("x:share", ["a": "2"]) == -0.5)
        #expect(read.value("x:things_total") == 7)
        #expect(read.all("x:seconds_bucket").map(\.value) == [1, 3, 4])
        #expect(read.all("x:seconds_bucket").map { $0.labels["le"] } == ["0.1", "1.0", "+Inf"])
        #expect(read.value("x:seconds_sum", ["s": "t"]) == 10.05)
        #expect(page.text.contains("# HELP x:depth What waits.\\nSecond line, and a \\\\.\n"))
    }

    @Test(arguments: [
        "a 1", "# TYPE a gauge\na 1\n", "# HELP a h\n# TYPE a gauge\nb 1\n", "# HELP a h\n# TYPE a counter\na 1\n",
        "# HELP a h\n# TYPE a gauge\na 1\na 1\n", "# HELP a h\n# TYPE a gauge\na{b=1} 1\n",
        "# HELP a h\n# TYPE a gauge\na{b=\"\\x\"} 1\n", "# HELP a h\n# TYPE a gauge\na one\n",
        "# HELP a h\n# TYPE a gauge\n", "# HELP a_total h\n# TYPE a_total counter\na_total -1\n",
        "# HELP a h\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# HELP a h\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_sum 1\na_count 2\n",
        "# HELP a h\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 3\n",
    ])
    func `the reader of the tests is strict`(text: String) {
        #expect(throws: ExpositionFormat.Violation.self) { try ExpositionFormat(parsing: text) }
    }

    @Test
    func `a process uses time and memory`() {
        let before = ProcessUsage.current()
        var sum = 0.0
        while ProcessUsage.current().cpuSeconds < before.cpuSeconds + 0.01 { sum += 1 }
        #expect(sum > 0 && before.residentBytes > 1 << 20)
        #expect(before.allocatedBytes > 0 || isSanitizing)
    }
}
