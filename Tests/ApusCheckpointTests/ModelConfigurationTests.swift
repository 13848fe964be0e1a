import ApusCheckpoint
import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

struct ModelConfigurationTests {
    private static let base: JSONObject = [
        "architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 4, "num_attention_heads": 8,
    ]

    private func configuration(_ changes: JSONObject) throws -> ModelConfiguration {
        var members = Self.base
        for change in changes { members[change.key] = change.value }
        return try ModelConfiguration(path: "config.json", members: members)
    }

    private func failure(_ changes: JSONObject) -> String? {
        do {
            _ = try configuration(changes)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func fillsInWhatLlamaLeavesOut() throws {
        let configuration = try configuration([:])
        #expect(configuration.kvHeadCount == 8)
        #expect(configuration.headDimension == 8)
        #expect(configuration.normEpsilon == 1e-6)
        #expect(configuration.rotary == RotaryConfiguration(base: 10_000, scaling: .none))
        #expect(configuration.contextLength == 2048)
        #expect(configuration.windows == [nil, nil, nil, nil])
        #expect(!configuration.tiesEmbeddings && !configuration.attentionBias && !configuration.feedForwardBias)
        #expect(configuration.elementType == nil)
        #expect(configuration.endTokenIDs.isEmpty)
    }

    @Test func readsBothSpellingsOfTheElementType() throws {
        #expect(try configuration(["torch_dtype": "bfloat16"]).elementType == .bfloat16)
        #expect(try configuration(["dtype": "float16"]).elementType == .float16)
        #expect(try configuration(["torch_dtype": "torch.float32"]).elementType == .float32)
    }

    @Test func readsBothSpellingsOfRotaryScaling() throws {
        let llama3: JSONValue = [
            "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3", "rope_theta": 500_000.0,
        ]
        let expected = RotaryConfiguration(
            base: 500_000, scaling: .llama3(factor: 32, lowFactor: 1, highFactor: 4, originalContext: 8192))
        #expect(try configuration(["rope_scaling": llama3, "rope_theta": 1.0]).rotary == expected)
        #expect(try configuration(["rope_parameters": llama3]).rotary == expected)
        let linear = try configuration(["rope_scaling": ["type": "linear", "factor": 4.0], "rope_theta": 1e6])
        #expect(linear.rotary == RotaryConfiguration(base: 1e6, scaling: .linear(factor: 4)))
        #expect(linear.contextLength == 8192)
        #expect(
            failure(["rope_scaling": ["type": "yarn", "factor": 4.0]])
                == "config.json: rope_scaling of type 'yarn' is not supported; default, linear and llama3 are")
        #expect(failure(["rope_scaling": ["type": "linear"]]) == "config.json: rope_scaling has no factor")
        #expect(
            failure(["rope_parameters": ["partial_rotary_factor": 0.5]])
                == "config.json: partial_rotary_factor 0.5 is not supported")
    }

    @Test func derivesWindows() throws {
        #expect(try configuration(["sliding_window": 16]).windows == [nil, nil, nil, nil])
        let mistral: JSONObject = ["architectures": ["MistralForCausalLM"], "sliding_window": 16]
        #expect(try configuration(mistral).windows == [16, 16, 16, 16])
        var qwen: JSONObject = ["architectures": ["Qwen2ForCausalLM"], "sliding_window": 16, "max_window_layers": 3]
        qwen["use_sliding_window"] = false
        #expect(try configuration(qwen).windows == [nil, nil, nil, nil])
        qwen["use_sliding_window"] = true
        #expect(try configuration(qwen).windows == [nil, nil, nil, 16])
        qwen["layer_types"] = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
        #expect(try configuration(qwen).windows == [nil, 16, nil, 16])
        qwen["layer_types"] = ["full_attention", "linear_attention", "full_attention", "full_attention"]
        #expect(failure(qwen) == #"config.json: layer type "linear_attention" is not supported"#)
        qwen["layer_types"] = ["full_attention"]
        #expect(failure(qwen) == "config.json: layer_types has 1 entries for 4 layers")
    }

    @Test(
        arguments: [
            (["architectures": nil], "no architectures"),
            (["vocab_size": nil], "no vocab_size"),
            (["vocab_size": 0], "vocab_size is 0, expected an integer from 1 to 1048576"),
            (["hidden_size": "64"], #"hidden_size is "64", expected an integer from 1 to 1048576"#),
            (["num_hidden_layers": 1.5], "num_hidden_layers is 1.5, expected an integer from 1 to 1024"),
            (["num_key_value_heads": 3], "8 attention heads do not share 3 key and value heads evenly"),
            (["num_attention_heads": 7], "hidden_size 64 does not fit 7 heads, and head_dim is missing"),
            (["head_dim": 36], "head_dim 36 is no multiple of 8"),
            (["head_dim": 512], "head_dim is 512, expected an integer from 2 to 256"),
            (["hidden_act": "gelu"], "hidden_act 'gelu' is not supported; silu is"),
            (["tie_word_embeddings": 1], "tie_word_embeddings is 1, expected true or false"),
            (["eos_token_id": "x"], #"eos_token_id is "x", expected token ids"#),
            (
                ["quantization_config": ["quant_method": "awq"]],
                "AWQ is not supported; compressed-tensors W8A8 and W4A16 of symmetric integers are, and bfloat16, float16 and float32 weights, which --quantization quantises"
            ),
        ] as [(JSONObject, String)])
    func refusesByName(_ changes: JSONObject, _ reason: String) {
        #expect(failure(changes) == "config.json: \(reason)")
    }

    @Test func readsEndTokens() throws {
        #expect(try configuration(["eos_token_id": 7, "bos_token_id": 1]).endTokenIDs == [7])
        #expect(try configuration(["eos_token_id": [7, 8]]).endTokenIDs == [7, 8])
        #expect(try configuration(["max_position_embeddings": 32_768.0]).contextLength == 32_768)
    }

    @Test func mergesOverridesOverTheFile() throws {
        let directory = TemporaryDirectory()
        directory.write(JSONValue.object(Self.base).serialized, to: "config.json")
        let configuration = try ModelConfiguration(
            directory: directory.path, overrides: ["num_hidden_layers": 2, "rope_theta": 5.0])
        #expect(configuration.layerCount == 2)
        #expect(configuration.rotary.base == 5)
        #expect(configuration.members["num_hidden_layers"] == 2)
        directory.write(Array("[1]".utf8), to: "config.json")
        #expect(throws: CheckpointError.malformed(path: "\(directory.path)/config.json", reason: "not a JSON object")) {
            try ModelConfiguration(directory: directory.path)
        }
    }

    @Test func readsGenerationDefaults() throws {
        let directory = TemporaryDirectory()
        #expect(try GenerationConfiguration(directory: directory.path) == GenerationConfiguration())
        let text = #"{"eos_token_id":[5,6],"temperature":0.7,"top_k":0,"top_p":0.8,"repetition_penalty":1.05}"#
        directory.write(Array(text.utf8), to: "generation_config.json")
        let generation = try GenerationConfiguration(directory: directory.path)
        #expect(generation.endTokenIDs == [5, 6])
        #expect(generation.temperature == 0.7)
        #expect(generation.topK == nil)
        #expect(generation.topP == 0.8)
        #expect(generation.minP == nil)
        #expect(generation.repetitionPenalty == 1.05)
    }

    // MARK: Experts

    private static let mixture: JSONObject = [
        "architectures": ["Qwen2MoeForCausalLM"], "num_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 24, "shared_expert_intermediate_size": 40,
    ]

    private func experts(_ changes: JSONObject) throws -> ExpertConfiguration? {
        var members = Self.mixture
        for change in changes { members[change.key] = change.value }
        return try configuration(members).experts
    }

    @Test func readsMixturesOfExperts() throws {
        let plain = try #require(try experts([:]))
        #expect(plain.count == 8 && plain.chosen == 2 && plain.width == 24 && plain.sharedWidth == 40)
        #expect(!plain.normalizesShares && plain.sparseLayers == [true, true, true, true])
        #expect(try experts(["decoder_sparse_step": 2])?.sparseLayers == [false, true, false, true])
        #expect(try experts(["mlp_only_layers": [0, 3]])?.sparseLayers == [false, true, true, false])
        #expect(try experts(["num_experts": 0]) == nil)
        #expect(try experts(["decoder_sparse_step": 5]) == nil)
        let qwen3 = try #require(
            try experts([
                "architectures": ["Qwen3MoeForCausalLM"], "norm_topk_prob": true, "num_experts": .null,
                "num_local_experts": 6,
            ]))
        #expect(qwen3.count == 6 && qwen3.sharedWidth == nil && qwen3.normalizesShares)
        let mixtral = try #require(
            try experts([
                "architectures": ["MixtralForCausalLM"], "num_local_experts": 8, "moe_intermediate_size": .null,
            ]))
        #expect(mixtral.width == 128 && mixtral.normalizesShares && mixtral.sharedWidth == nil)
        #expect(try configuration(["num_experts": 8]).experts == nil)
    }

    @Test func refusesMixturesThatMakeNoSense() {
        func failure(_ changes: JSONObject) -> String? {
            var members = Self.mixture
            for change in changes { members[change.key] = change.value }
            return self.failure(members)
        }
        #expect(
            failure(["num_experts_per_tok": 9])
                == "config.json: num_experts_per_tok is 9, expected an integer from 1 to 8")
        #expect(failure(["num_experts": .null]) == "config.json: no num_experts")
        #expect(failure(["moe_intermediate_size": .null]) == "config.json: no moe_intermediate_size")
        #expect(
            failure(["shared_expert_intermediate_size": .null]) == "config.json: no shared_expert_intermediate_size")
        #expect(
            failure(["decoder_sparse_step": 0])
                == "config.json: decoder_sparse_step is 0, expected an integer from 1 to 1048576")
    }

    @Test func windowsOfMixtures() throws {
        let window: JSONObject = ["sliding_window": 16, "use_sliding_window": true, "max_window_layers": 3]
        func windows(_ architecture: String) throws -> [Int?] {
            var members = Self.mixture
            for change in window { members[change.key] = change.value }
            members["architectures"] = [.string(architecture)]
            return try configuration(members).windows
        }
        #expect(try configuration(["sliding_window": 0, "use_sliding_window": true]).windows == [nil, nil, nil, nil])
        #expect(try windows("Qwen2MoeForCausalLM") == [16, nil, 16, nil])
        #expect(try windows("Qwen3MoeForCausalLM") == [16, 16, 16, 16])
        #expect(try windows("MixtralForCausalLM") == [16, 16, 16, 16])
    }
}
