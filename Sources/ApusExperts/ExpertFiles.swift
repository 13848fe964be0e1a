import ApusJSON

/// Where records go: a table of counts, lines of details, and PyTorch's format for the reference's tools.
package struct ExpertFiles: Sendable, Hashable {
    private let directory: String
    private let writesTorchFile: Bool

    /// - Parameters:
    ///   - directory: Made if it is not there.
    ///   - writesTorchFile: Also the reference's own file.
    package init(directory: String, writesTorchFile: Bool) {
        self.directory = directory
        self.writesTorchFile = writesTorchFile
    }

    /// Each file is complete when it appears.
    ///
    /// - Parameter time: Seconds since 1970, which the names bear.
    /// - Returns: Their paths.
    package func write(_ record: ExpertRecord, at time: Double) throws(ExpertError) -> [String] {
        var paths: [String] = []
        // The table last: it is what clients wait for.
        if record.mode.isDetailed { paths.append(try writeDetails(record, at: time)) }
        if writesTorchFile { paths.append(try writeTorchFile(record, at: time)) }
        var file = try OutputFile(directory: directory, name: "expert_distribution_rank0_timestamp\(time).csv")
        try file.write(ExpertTable(record).text)
        paths.append(try file.finish())
        return paths
    }

    /// A line of JSON for each pass.
    private func writeDetails(_ record: ExpertRecord, at time: Double) throws(ExpertError) -> String {
        var file = try OutputFile(
            directory: directory, name: "expert_distribution_detail_rank0_timestamp\(time).jsonl")
        let shape = record.shape
        for pass in record.passes {
            var line: JSONObject = [
                "forward_pass_id": JSONValue(pass.number), "forward_mode": .string("\(pass.kind)"),
            ]
            if record.mode == .perPass {
                line["counts"] = Self.nested(pass.counts, [shape.layerCount, shape.expertCount])
            } else {
                line["input_ids"] = Self.nested(pass.tokens, [pass.tokens.count])
                line["positions"] = Self.nested(pass.positions, [pass.positions.count])
                line["topk_ids_of_layer"] = Self.nested(
                    pass.experts, [shape.layerCount, pass.tokens.count, shape.chosen])
            }
            var bytes: [UInt8] = []
            JSONWriter.append(line, to: &bytes)
            try file.write(bytes + [UInt8(ascii: "\n")])
        }
        return try file.finish()
    }

    private static func nested(_ numbers: [Int32], _ shape: [Int]) -> JSONValue {
        guard shape.count > 1 else { return .array(numbers.map { .integer(Int64($0)) }) }
        let size = shape[1...].reduce(1, *)
        return .array(
            (0..<shape[0]).map { nested(Array(numbers[$0 * size..<($0 + 1) * size]), Array(shape[1...])) })
    }

    // MARK: - PyTorch

    private func writeTorchFile(_ record: ExpertRecord, at time: Double) throws(ExpertError) -> String {
        let suffix = record.mode.isDetailed ? "_0" : ""
        let file = try OutputFile(directory: directory, name: "expert_distribution_recorder_\(time)\(suffix).pt")
        return try TorchFile.write(record.mode.isDetailed ? Self.details(record) : Self.counts(record), to: file)
    }

    private static func counts(_ record: ExpertRecord) -> TorchValue {
        let shape = record.shape
        return .dictionary([
            ("rank", .integer(0)),
            (
                "logical_count",
                .tensor(
                    shape: [record.passes.count, shape.layerCount, shape.expertCount],
                    record.passes.flatMap(\.counts))
            ),
            ("average_utilization_rate_over_window", .none),
        ])
    }

    private static func details(_ record: ExpertRecord) -> TorchValue {
        let shape = record.shape
        let records = record.passes.map { pass -> TorchValue in
            let hasTokens = record.mode == .perToken
            return .dictionary([
                ("forward_pass_id", .integer(pass.number)), ("rank", .integer(0)), ("gatherer_key", .text("primary")),
                ("input_ids", hasTokens ? .integers(pass.tokens) : .none),
                ("positions", hasTokens ? .integers(pass.positions) : .none),
                ("extend_seq_lens", hasTokens && pass.kind != .decode ? .integers(pass.lengths) : .none),
                ("forward_mode", .integer(pass.kind.rawValue)),
                (
                    "topk_ids_of_layer",
                    hasTokens
                        ? .tensor(shape: [shape.layerCount, pass.tokens.count, shape.chosen], pass.experts) : .none
                ),
                ("misc_objects", .list([])),
                ("global_physical_count", .tensor(shape: [shape.layerCount, shape.expertCount], pass.counts)),
            ])
        }
        // One expert a place, in order: nothing is replicated.
        let map = (0..<shape.layerCount).flatMap { _ in (0..<Int32(shape.expertCount)).map { $0 } }
        return .dictionary([
            ("records", .list(records)),
            ("last_physical_to_logical_map", .tensor(shape: [shape.layerCount, shape.expertCount], map)),
        ])
    }
}
