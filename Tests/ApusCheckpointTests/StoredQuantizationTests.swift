import ApusJSON
import Testing

@testable import ApusCheckpoint

@Suite struct StoredQuantizationTests {
    /// What compressed-tensors writes, with some members changed.
    private func json(
        _ format: String, weights: JSONObject, activations: JSONValue = .null, _ more: JSONObject = [:]
    ) -> JSONValue {
        var all: JSONObject = ["type": "int", "symmetric": true, "dynamic": false]
        for member in weights { all[member.key] = member.value }
        let group: JSONValue = ["targets": ["Linear"], "weights": .object(all), "input_activations": activations]
        var result: JSONObject = [
            "quant_method": "compressed-tensors", "format": .string(format), "config_groups": ["group_0": group],
        ]
        for member in more { result[member.key] = member.value }
        return .object(result)
    }

    private let token: JSONValue = [
        "num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true,
    ]

    @Test func readsWhatItSupports() throws {
        let int8 = try StoredQuantization(
            json("int-quantized", weights: ["num_bits": 8, "strategy": "channel"], activations: token))
        #expect(int8.scheme == .w8a8Int8 && int8.groupSize == nil)
        for (size, group) in [(32, 32), (64, 32), (128, 128), (256, 128)] {
            let int4 = try StoredQuantization(
                json(
                    "pack-quantized", weights: ["num_bits": 4, "strategy": "group", "group_size": JSONValue(size)]))
            #expect(int4.scheme == .int4(groupSize: group) && int4.groupSize == size)
        }
        let channel = try StoredQuantization(
            json("pack-quantized", weights: ["num_bits": 4, "strategy": "channel", "group_size": .null]))
        #expect(channel.scheme == .int4(groupSize: 128) && channel.groupSize == nil)
    }

    @Test func refusesTheRestByName() {
        func refusal(_ json: JSONValue) -> String? {
            do throws(StoredQuantization.Refusal) {
                _ = try StoredQuantization(json)
                return nil
            } catch {
                return error.scheme
            }
        }
        let fixed: JSONValue = ["num_bits": 8, "type": "int", "strategy": "tensor", "dynamic": false]
        for (json, words) in [
            (["quant_method": "gptq", "bits": 4], "GPTQ"), (["quant_method": "awq"], "AWQ"),
            (["quant_method": "fp8"], "FP8"), (["quant_method": "nosuch"], "quant_method 'nosuch'"),
            (
                json("float-quantized", weights: ["num_bits": 8, "type": "float", "strategy": "channel"]),
                "compressed-tensors FP8 W8A16 by channel"
            ),
            (
                json("int-quantized", weights: ["num_bits": 8, "strategy": "channel"], activations: fixed),
                "compressed-tensors static W8A8 by channel"
            ),
            (
                json(
                    "pack-quantized",
                    weights: ["num_bits": 4, "strategy": "group", "group_size": 128, "symmetric": false]),
                "compressed-tensors asymmetric W4A16 by group"
            ),
            (
                json("pack-quantized", weights: ["num_bits": 4, "strategy": "group", "group_size": 16]),
                "compressed-tensors W4A16 by group in groups of 16"
            ),
            (
                json(
                    "pack-quantized",
                    weights: ["num_bits": 4, "strategy": "group", "group_size": 128, "actorder": "group"]),
                "compressed-tensors W4A16 by group with groups in the order of activations"
            ),
        ] as [(JSONValue, String)] {
            #expect(refusal(json) == words)
        }
    }
}
