import ApusCore
import Testing

struct TraceContextTests {
    @Test
    func `a header is read and written`() throws {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let context = try #require(TraceContext(header: header))
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanID == 0x00f0_67aa_0ba9_02b7 && context.isSampled)
        #expect(context.header == header)
        #expect(TraceContext(header: header.dropLast() + "2")?.isSampled == false)
        // A later version may say more.
        #expect(TraceContext(header: "01" + header.dropFirst(2) + "-more")?.header == header)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47367-00f067aa0ba902b-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01", "0x-é-a-b",
    ])
    func `what is none is ignored`(header: String) {
        #expect(TraceContext(header: header) == nil)
    }

    @Test
    func `random ones differ and are sampled`() {
        let contexts = (0..<100).map { _ in TraceContext.random() }
        #expect(Set(contexts).count == 100)
        for context in contexts { #expect(TraceContext(header: context.header) == context) }
    }
}
