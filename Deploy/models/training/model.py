"""The model in plain PyTorch, with Hugging Face's parameter names, and its export as a Qwen2 checkpoint.

Written out instead of taken from `transformers` so that `torch.compile` fuses it well on CPUs.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

import tokenizer


@dataclass(frozen=True)
class Shape:
    vocabulary: int = tokenizer.VOCABULARY
    hidden: int = 384
    intermediate: int = 1024
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    head: int = 64
    positions: int = 2048
    theta: float = 10000.0
    epsilon: float = 1e-6


class RMSNorm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.hidden))
        self.epsilon = shape.epsilon

    def forward(self, x):
        normal = x.float() * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.epsilon)
        return (normal * self.weight).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.hidden, shape.heads * shape.head)
        self.k_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head)
        self.v_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head)
        self.o_proj = nn.Linear(shape.heads * shape.head, shape.hidden, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape

        def split(y):
            return y.view(batch, length, -1, self.shape.head).transpose(1, 2)

        def rotate(y):
            a, b = y.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

        groups = self.shape.heads // self.shape.kv_heads
        q = rotate(split(self.q_proj(x)))
        k = rotate(split(self.k_proj(x))).repeat_interleave(groups, 1)
        v = split(self.v_proj(x)).repeat_interleave(groups, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.input_layernorm = RMSNorm(shape)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape)
        self.mlp = MLP(shape)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Backbone(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape)


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.model = Backbone(shape)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * shape.layers) ** 0.5 if into_residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def rotations(self, length):
        """Cosines and sines, each [length, head / 2]."""
        half = self.shape.head // 2
        frequencies = self.shape.theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies
        return angles.cos().bfloat16(), angles.sin().bfloat16()

    def forward(self, tokens, labels, cos, sin):
        """Mean loss of predicting `labels`, which are already shifted; -100 is not counted."""
        x = self.model.embed_tokens(tokens).bfloat16()
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        logits = F.linear(self.model.norm(x), self.model.embed_tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100)


def configuration(shape):
    """`config.json`."""
    ids = {token: shape.vocabulary - len(tokenizer.SPECIAL) + i for i, token in enumerate(tokenizer.SPECIAL)}
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "torch_dtype": "bfloat16",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": shape.positions,
        "rope_theta": shape.theta,
        "rms_norm_eps": shape.epsilon,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
        "bos_token_id": ids[tokenizer.END_OF_TEXT],
        "eos_token_id": ids[tokenizer.END_OF_TURN],
        "pad_token_id": ids[tokenizer.END_OF_TEXT],
    }


def export(model, tokenizer_file, directory):
    """Writes a Hugging Face model directory and puts it in place of an older one in one step."""
    directory = Path(directory)
    new, old = (directory.with_name(f".{directory.name}.{state}") for state in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    config = configuration(model.shape)
    ends = [config["eos_token_id"], config["bos_token_id"]]
    generation = {key: config[key] for key in ("bos_token_id", "pad_token_id")} | {"eos_token_id": ends}
    weights = {name: value.detach().bfloat16().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, new / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer_file, new / "tokenizer.json")
    (new / "model.safetensors").chmod(0o644)
    for name, value in (
        ("config.json", config),
        ("generation_config.json", generation),
        ("tokenizer_config.json", tokenizer.configuration(model.shape.positions)),
    ):
        (new / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    if directory.exists():
        directory.rename(old)
    new.rename(directory)
    shutil.rmtree(old, ignore_errors=True)
