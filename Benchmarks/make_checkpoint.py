#!/usr/bin/env python3
"""Writes a checkpoint with random weights in the shape of a known model, for measuring speed without a download.

    Benchmarks/make_checkpoint.py qwen2.5-0.5b /var/tmp/qwen2.5-0.5b [--dtype bfloat16] [--tokenizer DIR]

The folder loads wherever the real model does; what it says means nothing. Needs numpy only. The weights are normal
with a standard deviation of 0.02 (0.3 of the inverse root of the width would be much the same): never zeros, on which
some processors run faster. Output is deterministic; do not commit it.
"""

import argparse
import json
import os
import shutil
import struct
import sys

import numpy

MODELS = {
    "qwen2.5-0.5b": dict(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", vocab_size=151936, hidden_size=896,
        intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        max_position_embeddings=32768, rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
        use_sliding_window=False, bos_token_id=151643, eos_token_id=151645),
    "qwen2.5-1.5b": dict(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", vocab_size=151936, hidden_size=1536,
        intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2,
        max_position_embeddings=32768, rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
        use_sliding_window=False, bos_token_id=151643, eos_token_id=151645),
    "qwen3-0.6b": dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=151936, hidden_size=1024,
        intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8, head_dim=128,
        max_position_embeddings=40960, rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
        use_sliding_window=False, bos_token_id=151643, eos_token_id=151645),
    "llama-3.2-1b": dict(
        architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=128256, hidden_size=2048,
        intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
        max_position_embeddings=131072, rope_theta=500000.0, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_scaling=dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                          original_max_position_embeddings=8192),
        bos_token_id=128000, eos_token_id=128001),
    # No known model: the attention of a small one with the experts of Qwen1.5-MoE.
    "moe-60x4": dict(
        architectures=["Qwen2MoeForCausalLM"], model_type="qwen2_moe", vocab_size=32768, hidden_size=1024,
        intermediate_size=4096, num_hidden_layers=8, num_attention_heads=16, num_key_value_heads=4,
        num_experts=60, num_experts_per_tok=4, moe_intermediate_size=704, shared_expert_intermediate_size=2816,
        norm_topk_prob=False, decoder_sparse_step=1, max_position_embeddings=8192, rope_theta=1000000.0,
        rms_norm_eps=1e-6, tie_word_embeddings=False, use_sliding_window=False, bos_token_id=1, eos_token_id=2),
    "mistral-7b": dict(
        architectures=["MistralForCausalLM"], model_type="mistral", vocab_size=32768, hidden_size=4096,
        intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
        max_position_embeddings=32768, rope_theta=1000000.0, rms_norm_eps=1e-5, tie_word_embeddings=False,
        sliding_window=None, bos_token_id=1, eos_token_id=2),
    "bge-reranker-v2-m3": dict(
        architectures=["XLMRobertaForSequenceClassification"], model_type="xlm-roberta", vocab_size=250002,
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
        max_position_embeddings=8194, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, hidden_act="gelu", position_embedding_type="absolute", id2label={"0": "LABEL_0"},
        label2id={"LABEL_0": 0}),
}


def encoder_tensors(config):
    """The same of an encoder with a classifier."""
    hidden, wide = config["hidden_size"], config["intermediate_size"]

    def linear(name, outputs, inputs):
        yield name + ".weight", (outputs, inputs)
        yield name + ".bias", (outputs,)

    def norm(name):
        yield name + ".LayerNorm.weight", (hidden,)
        yield name + ".LayerNorm.bias", (hidden,)

    scope = "roberta.embeddings"
    yield scope + ".word_embeddings.weight", (config["vocab_size"], hidden)
    yield scope + ".position_embeddings.weight", (config["max_position_embeddings"], hidden)
    yield scope + ".token_type_embeddings.weight", (config["type_vocab_size"], hidden)
    yield from norm(scope)
    for layer in range(config["num_hidden_layers"]):
        scope = f"roberta.encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            yield from linear(scope + "attention.self." + name, hidden, hidden)
        yield from linear(scope + "attention.output.dense", hidden, hidden)
        yield from norm(scope + "attention.output")
        yield from linear(scope + "intermediate.dense", wide, hidden)
        yield from linear(scope + "output.dense", hidden, wide)
        yield from norm(scope + "output")
    yield from linear("classifier.dense", hidden, hidden)
    yield from linear("classifier.out_proj", 1, hidden)


def feed_forward(scope, hidden, wide):
    yield scope + "gate_proj.weight", (wide, hidden)
    yield scope + "up_proj.weight", (wide, hidden)
    yield scope + "down_proj.weight", (hidden, wide)


def tensors(config):
    """(name, shape) of each tensor, in the order of the forward pass."""
    if "ForCausalLM" not in config["architectures"][0]:
        yield from encoder_tensors(config)
        return
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        scope = f"model.layers.{layer}."
        yield scope + "input_layernorm.weight", (hidden,)
        for name, rows in (("q", queries), ("k", keys), ("v", keys)):
            yield f"{scope}self_attn.{name}_proj.weight", (rows, hidden)
            if config["model_type"] in ("qwen2", "qwen2_moe"):
                yield f"{scope}self_attn.{name}_proj.bias", (rows,)
        if config["model_type"] == "qwen3":
            yield scope + "self_attn.q_norm.weight", (head,)
            yield scope + "self_attn.k_norm.weight", (head,)
        yield scope + "self_attn.o_proj.weight", (hidden, queries)
        yield scope + "post_attention_layernorm.weight", (hidden,)
        if "num_experts" not in config:
            yield from feed_forward(scope + "mlp.", hidden, wide)
            continue
        yield scope + "mlp.gate.weight", (config["num_experts"], hidden)
        for expert in range(config["num_experts"]):
            yield from feed_forward(f"{scope}mlp.experts.{expert}.", hidden, config["moe_intermediate_size"])
        yield from feed_forward(scope + "mlp.shared_expert.", hidden, config["shared_expert_intermediate_size"])
        yield scope + "mlp.shared_expert_gate.weight", (1, hidden)
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], hidden)


def encode(values, dtype):
    """The bytes of float32 values in the stored format."""
    if dtype == "float32":
        return values.tobytes()
    if dtype == "float16":
        return values.astype(numpy.float16).tobytes()
    bits = values.view(numpy.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(numpy.uint16).tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("directory")
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"], default="bfloat16")
    parser.add_argument("--layers", type=int, help="keep only the first layers")
    parser.add_argument("--tokenizer", help="folder to copy tokenizer.json and tokenizer_config.json from")
    options = parser.parse_args()
    config = dict(dict(hidden_act="silu"), **MODELS[options.model], torch_dtype=options.dtype)
    if options.layers:
        config["num_hidden_layers"] = options.layers

    width = 4 if options.dtype == "float32" else 2
    code = dict(bfloat16="BF16", float16="F16", float32="F32")[options.dtype]
    header, offset = {}, 0
    for name, shape in tensors(config):
        size = int(numpy.prod(shape)) * width
        header[name] = dict(dtype=code, shape=list(shape), data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)

    os.makedirs(options.directory, exist_ok=True)
    with open(os.path.join(options.directory, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    random = numpy.random.default_rng(0)
    path = os.path.join(options.directory, "model.safetensors")
    with open(path + ".part", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors(config):
            rows = shape[0] if len(shape) == 2 else 1
            for start in range(0, rows, 4096):
                block = (min(4096, rows - start), *shape[1:]) if len(shape) == 2 else shape
                values = random.standard_normal(block, dtype=numpy.float32)
                values = 1 + 0.1 * values if "norm" in name.lower() else 0.02 * values
                file.write(encode(values.astype(numpy.float32), options.dtype))
    os.replace(path + ".part", path)
    if options.tokenizer:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(options.tokenizer, name), options.directory)
    print(f"{path}: {offset / 1e9:.2f} GB", file=sys.stderr)


main()
