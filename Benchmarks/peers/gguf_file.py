#!/usr/bin/env python3
"""Writes a Qwen2, Qwen2-MoE or Llama checkpoint as a GGUF file in bfloat16, so that llama.cpp measures the same weights.

    gguf_file.py MODEL_FOLDER OUT.gguf

Needs numpy and the `gguf` package (in llama.cpp's tree: gguf-py). The vocabulary is the folder's tokenizer.json, filled
up with names for ids that it does not have.
"""

import json
import os
import struct
import sys

import gguf
import numpy

LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp", "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
}
# One tensor of all experts of a layer.
EXPERTS = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}
GLOBAL = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
          "lm_head.weight": "output.weight"}


def tensors(folder):
    """(name, shape, bfloat16 bits) of each tensor of model.safetensors."""
    path = f"{folder}/model.safetensors"
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r", offset=8 + size)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "BF16", f"{name} is {entry['dtype']}: make the checkpoint in bfloat16"
        begin, end = entry["data_offsets"]
        yield name, entry["shape"], data[begin:end].view(numpy.uint16).reshape(entry["shape"])


def permuted(bits, heads):
    """llama.cpp turns neighbouring pairs in Llama models, Hugging Face the two halves of a head."""
    return bits.reshape(heads, 2, bits.shape[0] // heads // 2, *bits.shape[1:]).swapaxes(1, 2).reshape(bits.shape)


def main():
    folder, out = sys.argv[1:]
    with open(f"{folder}/config.json") as file:
        config = json.load(file)
    architecture = {"qwen2": "qwen2", "qwen2_moe": "qwen2moe", "llama": "llama", "mistral": "llama"}[config["model_type"]]
    writer = gguf.GGUFWriter(out, architecture)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    if architecture == "qwen2moe":
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)

    model = {"vocab": {}}
    if os.path.exists(f"{folder}/tokenizer.json"):
        with open(f"{folder}/tokenizer.json") as file:
            model = json.load(file)["model"]
    tokens = [f"<unused{index}>" for index in range(config["vocab_size"])]
    for token, index in model["vocab"].items():
        tokens[index] = token
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    # None at all would be refused.
    merges = model.get("merges") or ["a b"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(config["eos_token_id"])

    def add_matrix(target, bits):
        writer.add_tensor(
            target, numpy.ascontiguousarray(bits).view(numpy.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)

    experts = {}
    for name, shape, bits in tensors(folder):
        if ".experts." in name:
            _, _, layer, _, _, expert, kind, _ = name.split(".")
            target = f"blk.{layer}.{EXPERTS[kind]}.weight"
            experts.setdefault(target, {})[int(expert)] = bits
            if len(experts[target]) == config["num_experts"]:
                found = experts.pop(target)
                add_matrix(target, numpy.stack([found[index] for index in range(len(found))]))
            continue
        if name in GLOBAL:
            target = GLOBAL[name]
        else:
            _, _, layer, rest = name.split(".", 3)
            stem, kind = rest.rsplit(".", 1)
            target = f"blk.{layer}.{LAYER[stem]}.{kind}"
            if architecture == "llama" and stem in ("self_attn.q_proj", "self_attn.k_proj"):
                bits = permuted(bits, heads if "q_proj" in stem else kv_heads)
        if len(shape) == 1 or "ffn_gate_inp" in target:
            writer.add_tensor(target, (bits.astype(numpy.uint32) << 16).view(numpy.float32))
        else:
            add_matrix(target, bits)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
