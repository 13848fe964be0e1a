import ApusTestSupport
import Testing

@testable import ApusExperts

struct ExpertTableTests {
    private static let text = "layer_id,expert_id,count\n0,0,30\n0,3,10\n2,1,5\n2,2,5\n2,0,5\n2,3,5\n"

    @Test func balances() throws {
        let table = try ExpertTable(path: "t", text: Self.text)
        #expect(table.expertCount == 4 && table.layers.map(\.number) == [0, 2])
        let first = try #require(table.balances.first), second = try #require(table.balances.last)
        #expect(first.visits == 40 && first.busiest == 0 && first.most == 30 && first.unused == 2)
        #expect(first.imbalance == 3 && second.imbalance == 1 && second.unused == 0)
        #expect(try ExpertTable(path: "t", text: Self.text, expertCount: 8).balances[0].imbalance == 6)
        // What is written reads back.
        #expect(try ExpertTable(path: "t", text: table.text) == table)
    }

    @Test(
        arguments: [
            ("", nil), ("layer_id,expert_id,count\n", nil), ("layer,expert,count\n", 1),
            ("layer_id,expert_id,count\n0,1\n", 2), ("layer_id,expert_id,count\n0,1,2\n0,-1,2\n", 3),
            ("layer_id,expert_id,count\n0,99999999,2\n", 2), ("layer_id,expert_id,count\n0,x,2\n", 2),
            ("layer_id,expert_id,count\n0,1,9223372036854775807\n", 2),
        ] as [(String, Int?)])
    func namesTheLineThatIsNone(_ text: String, _ line: Int?) {
        var found: Int?
        do {
            _ = try ExpertTable(path: "t", text: text)
        } catch {
            if case .malformed(_, let line, _) = error { found = line }
        }
        #expect(found == line)
    }

    @Test func refusesExpertsBeyondTheCount() {
        #expect(throws: ExpertError.malformed(path: "t", line: 3, reason: "expert 3 of 3")) {
            _ = try ExpertTable(path: "t", text: Self.text, expertCount: 3)
        }
    }

    @Test func heatMapsHaveACellForEachExpertOfEachLayer() throws {
        let map = ExpertHeatMap(try ExpertTable(path: "t", text: Self.text))
        let svg = map.svg
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.hasSuffix("</svg>\n"))
        #expect(svg.split(separator: "<title>").count - 1 == 8)
        // Nobody, the mean, and three times the mean, which is as dark as it gets.
        #expect(svg.contains(##"fill="#ffffff"><title>layer 0, expert 1: 0 visits</title>"##))
        #expect(svg.contains(##"fill="#8498b5"><title>layer 2, expert 1: 5 visits</title>"##))
        #expect(svg.contains(##"fill="#08306b"><title>layer 0, expert 0: 30 visits</title>"##))
        #expect(svg.contains("max/mean 3.00") && svg.contains("max/mean 1.00"))
        let rows = map.summary.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows[1] == ["0", "40", "0", "30", "3.00", "2"])
        #expect(rows[2] == ["2", "20", "0", "5", "1.00", "0"])
    }
}
