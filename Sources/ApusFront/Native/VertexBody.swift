import ApusJSON

/// The body of `/vertex_generate`: `{"instances": [{"text": …}, …], "parameters": {…}}`.
enum VertexBody {
    static let rules = [
        FieldRule("instances", .objects, isRequired: true), FieldRule("parameters", .object),
    ]

    /// The same as a body of `/generate`: the first instance says which member holds the prompts.
    static func native(_ body: JSONObject) throws(FrontError) -> JSONObject {
        try body.check(rules)
        var native = body.given("parameters")?.objectValue ?? JSONObject()
        let instances = (body.given("instances")?.arrayValue ?? []).compactMap(\.objectValue)
        let member = ["text", "input_ids", "input_embeds"].first { instances.first?.given($0) != nil }
        guard let member else {
            guard !instances.isEmpty else { return ["text": []] }
            throw .refused("Either text, input_ids or input_embeds should be provided.")
        }
        native[member] = .array(instances.compactMap { $0.given(member) })
        for name in ["image_data", "video_data", "audio_data"]
        where instances.contains(where: { $0.given(name) != nil }) {
            throw .notYet(name)
        }
        return native
    }
}
