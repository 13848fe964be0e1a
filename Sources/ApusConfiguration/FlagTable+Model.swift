extension FlagTable {
    private static let quantizations = [
        "awq", "fp8", "mxfp8", "gptq", "marlin", "gptq_marlin", "awq_marlin", "bitsandbytes", "gguf", "modelopt",
        "modelopt_fp8", "modelopt_fp4", "w8a8_int8", "w8a8_fp8", "moe_wna16", "qoq", "w4afp8", "mxfp4",
        "compressed-tensors", "auto-round", "int4", "int4-32", "int4-128",
    ]

    static let modelFlags: [Flag] = [
        Flag(
            "model-path", aliases: ["model"], .text, section: .model,
            "Folder of a Hugging Face model, or its name in the local Hugging Face cache. Default: the bundled model."),
        Flag(
            "tokenizer-path", aliases: ["tokenizer"], .text, section: .model,
            "Folder or name of the tokenizer. Default: the model path."),
        Flag(
            "tokenizer-mode", .choice(["auto", "slow"]), default: .text("auto"),
            .noEffect("there is one tokenizer implementation"), section: .model, "Kind of tokenizer."),
        Flag(
            "skip-tokenizer-init", .boolean, default: .boolean(false),
            .refused("Apus always loads the tokenizer; send input_ids to skip tokenising"), section: .model,
            "Serve token ids only."),
        Flag(
            "load-format",
            .choice([
                "auto", "safetensors", "dummy", "pt", "npcache", "sharded_state", "gguf", "bitsandbytes", "layered",
            ]),
            default: .text("auto"),
            .only(["auto", "safetensors", "dummy"], "weights are read from safetensors files, or are random (dummy)"),
            section: .model, "Format of the weights; dummy makes random ones."),
        Flag(
            "trust-remote-code", .boolean, default: .boolean(false), .noEffect("Apus runs no Python code of models"),
            section: .model, "Accepted for compatibility."),
        Flag(
            "context-length", .tokenCount(1...Int.max), section: .model, unit: "tokens",
            "Longest sequence. Default: the model's own maximum, which it may not exceed."),
        Flag(
            "is-embedding", .boolean, default: .boolean(false), section: .model,
            "Serve a causal model as an embedding model; encoders and classifiers need no flag."),
        Flag(
            "allowed-model-roots", .list, section: .model,
            "Folders below which /update_weights_from_disk may find models, links followed. Default: anywhere."),
        Flag(
            "revision", .text, section: .model,
            "Branch, tag or commit of a model in the Hugging Face cache. Default: main."),
        Flag(
            "json-model-override-args", .jsonObject, default: .text("{}"), section: .model,
            "JSON object that is merged over config.json."),
        Flag(
            "dtype", .choice(["auto", "half", "float16", "bfloat16", "float", "float32"]), default: .text("auto"),
            section: .model,
            "Number format of weights and activations; float is float32; half and float16 are computed in bfloat16."),
        Flag(
            "quantization", .choice(quantizations),
            .only(
                ["w8a8_int8", "int4", "int4-32", "int4-128", "compressed-tensors"],
                "w8a8_int8, int4, int4-32 and int4-128 quantise at load, and checkpoints of compressed-tensors (W8A8 and "
                    + "W4A16 of symmetric integers) are read"),
            section: .model,
            "Quantise a bfloat16, float16 or float32 checkpoint at load: w8a8_int8, or int4 with a scale per 32 (int4, "
                + "int4-32) or 128 inputs (int4-128). Checkpoints that are quantised need no flag."),
        Flag(
            "kv-cache-dtype", .choice(["auto", "bf16", "bfloat16", "int8", "fp8_e5m2", "fp8_e4m3", "fp4_e2m1"]),
            default: .text("auto"),
            .only(["auto", "bf16", "bfloat16", "int8"], "processors do not compute in it; int8 is as small as fp8"),
            section: .model,
            "Number format of the KV pool: auto is that of the activations; int8 keeps a scale a head and token."),
        Flag(
            "download-dir", .text, section: .model, "Folder of the Hugging Face cache. Default: $HF_HOME/hub."),
        Flag(
            "model-impl", .text, default: .text("auto"), .noEffect("there is one implementation of each model"),
            section: .model, "Accepted for compatibility."),
        Flag(
            "model-loader-extra-config", .jsonObject, default: .text("{}"),
            .noEffect("the loader has no further settings"), section: .model, "Accepted for compatibility."),
    ]
}
