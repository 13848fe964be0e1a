import Testing

@testable import ApusJSON

@Suite struct JSONMembersTests {
    private func fill(_ members: inout some JSONMembers) {
        members.append("id", "a\"b")
        members.append("count", 3)
        members.append("rows", [1, 2.5, nil, ["x": true]])
    }

    @Test func writtenAndKeptMembersAreTheSame() {
        var object = JSONObject()
        fill(&object)
        var bytes = Array("[".utf8)
        var writer = JSONMemberWriter(behind: &bytes)
        fill(&writer)
        bytes = writer.finish()
        #expect(String(decoding: bytes, as: UTF8.self) == "[\(object)")
        #expect(object.description == #"{"id":"a\"b","count":3,"rows":[1,2.5,null,{"x":true}]}"#)
    }

    @Test func anObjectMayBeEmpty() {
        var bytes: [UInt8] = []
        let writer = JSONMemberWriter(behind: &bytes)
        #expect(writer.finish() == Array("{}".utf8))
    }
}
