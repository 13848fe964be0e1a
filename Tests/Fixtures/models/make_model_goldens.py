#!/usr/bin/env python3
"""Makes the tiny checkpoints of this folder and, from transformers in float32, what they must answer.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_model_goldens.py [NAME…]

Each folder is a Hugging Face model with random weights; beside it `<name>.golden.safetensors` holds for three prompts
i = 0, 1, 2: `prompt.i` [n] int32, `logits.i` [vocabulary] float32 after the last token, `logprobs.i` [n - 1] float32 of
each prompt token after the first, and `continuation.i` [64] int32, greedy, past any end token. Models with experts have
`experts.i` [layers, n, chosen] int32 besides: whom the prompt's tokens visit, -1 in dense layers.

Weights are rounded to the stored format before the goldens are computed. Seeds are searched, from the first one on,
for continuations that no rounding error can turn: the two best logits are at least 0.02 apart at each step, and the
scores of the last expert that is chosen and the first that is not at least 0.001.
"""

import json
import os
import shutil
import sys

import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

VERSIONS = {"torch": "2.15.0", "transformers": "5.24.0", "tokenizers": "0.23.3"}
HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = 384
CONTINUATION = 64
GAP = 0.02
ROUTER_GAP = 0.001

COMMON = dict(vocab_size=VOCABULARY, bos_token_id=381, eos_token_id=383, max_position_embeddings=512)

# name: (architecture, stored format, shards, settings)
MODELS = {
    # Sharded; four query heads share a key head; wavelengths on both sides of llama3's two limits.
    "llama-scaled": ("Llama", torch.bfloat16, 2, dict(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8, num_key_value_heads=2,
        rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="llama3", rope_theta=1000.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=32))),
    # Every bias that Llama can have; linear scaling; tied.
    "llama-biased": ("Llama", torch.float32, 1, dict(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        rms_norm_eps=1e-6, tie_word_embeddings=True, attention_bias=True, mlp_bias=True,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0))),
    # A window shorter than the prompts; heads wider than hidden_size / heads; widths that fill no block.
    "mistral": ("Mistral", torch.float16, 1, dict(
        hidden_size=40, intermediate_size=72, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=24, sliding_window=16, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    # Tied, biases on q, k and v; seven query heads a key head, as in the 0.5B and 7B models.
    "qwen2": ("Qwen2", torch.bfloat16, 1, dict(
        hidden_size=56, intermediate_size=80, num_hidden_layers=2, num_attention_heads=7, num_key_value_heads=1,
        rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    # A window in the last layer only.
    "qwen2-window": ("Qwen2", torch.bfloat16, 1, dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        rms_norm_eps=1e-6, tie_word_embeddings=False, use_sliding_window=True, sliding_window=12, max_window_layers=1,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    # Norms of each head; heads twice as wide as hidden_size / heads.
    "qwen3": ("Qwen3", torch.bfloat16, 1, dict(
        hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=32, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    # A shared expert of another width, shares that do not add up to 1, one dense layer.
    "qwen2-moe": ("Qwen2Moe", torch.bfloat16, 1, dict(
        hidden_size=48, intermediate_size=80, moe_intermediate_size=24, shared_expert_intermediate_size=40,
        num_experts=8, num_experts_per_tok=4, norm_topk_prob=False, mlp_only_layers=[1], num_hidden_layers=3,
        num_attention_heads=6, num_key_value_heads=2, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    # Every second layer sparse; shares add up to 1; all experts of a projection in one tensor.
    "qwen3-moe": ("Qwen3Moe", torch.bfloat16, 1, dict(
        hidden_size=40, intermediate_size=56, moe_intermediate_size=16, num_experts=16, num_experts_per_tok=3,
        norm_topk_prob=True, decoder_sparse_step=2, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    # Names of its own, a window.
    "mixtral": ("Mixtral", torch.bfloat16, 1, dict(
        hidden_size=32, intermediate_size=40, num_local_experts=8, num_experts_per_tok=2, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, sliding_window=20, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
}

# Saved as transformers 5 keeps them in memory: [experts, outputs, inputs].
FUSED = {"qwen3-moe"}
# Saved in that form besides: the same weights in another folder, without goldens of their own.
TWINS = {"mixtral": "mixtral-fused"}

PROMPTS = [
    "The capital of France is",
    "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n",
    "A walk of one request: the front parses it, the scheduler batches it, the engine runs it and the detokenizer "
    "turns tokens into text again, 1234567890 times.",
]

TEXT = [
    "The capital of France is Paris. The capital of Italy is Rome. The capital of Spain is Madrid.",
    "A scheduler takes requests from a queue, puts them into a batch and runs the batch on the engine.",
    "def add(a, b):\n    return a + b\n", "for index in range(10):\n    print(index)\n",
    "What is the answer to the question? The answer is that there is a question and that it is there.",
]


def make_tokenizer():
    """Byte-level BPE: 256 bytes, 124 merges less the special tokens, special tokens last."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXT * 8, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special])
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    tokenizer.save(os.path.join(HERE, "tokenizer.json"), pretty=False)
    template = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
                "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
                "{% endif %}")
    with open(os.path.join(HERE, "tokenizer_config.json"), "w") as file:
        json.dump(dict(tokenizer_class="PreTrainedTokenizerFast", eos_token="<|im_end|>", bos_token=None,
                       model_max_length=512, chat_template=template), file, indent=2)
    return tokenizer


def make_model(architecture, stored, settings, seed):
    """A model with weights wide enough for decided logits, in float32, rounded to the stored format."""
    config = getattr(transformers, architecture + "Config")(**COMMON, **settings)
    torch.manual_seed(seed)
    model = getattr(transformers, architecture + "ForCausalLM")(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.5 * torch.randn_like(parameter))
            elif "embed" in name or "lm_head" in name:
                parameter.copy_(0.5 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter.shape[-1] ** 0.5)
            parameter.copy_(parameter.to(stored).float())
    model.config._attn_implementation = "eager"
    return model.float().eval()


def answer(model, prompt):
    """Goldens of one prompt, and the smallest distance of the two best logits on the way."""
    ids = torch.tensor([prompt])
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits[0]
        logprobs = torch.log_softmax(logits, -1)[:-1].gather(1, ids[0, 1:, None])[:, 0]
        last, gap, continuation = logits[-1].clone(), float("inf"), []
        for _ in range(CONTINUATION):
            best = model(ids, use_cache=False).logits[0, -1].topk(2)
            gap = min(gap, float(best.values[0] - best.values[1]))
            continuation.append(int(best.indices[0]))
            ids = torch.cat([ids, best.indices[:1][None]], 1)
            if gap < GAP:
                break
    return last, logprobs, continuation, gap


def route(model, prompt, continuation):
    """Whom the prompt's tokens visit, [layers, tokens, chosen], and the smallest margin of a choice up to the end."""
    if not hasattr(model.config, "num_experts_per_tok"):
        return None, float("inf")
    chosen, margins = model.config.num_experts_per_tok, []
    layers = [torch.full((len(prompt), chosen), -1, dtype=torch.int32) for _ in model.model.layers]

    def listen(layer):
        def hook(_, __, output):
            scores, _, experts = output
            best = scores.topk(chosen + 1, -1).values
            margins.append(float((best[:, chosen - 1] - best[:, chosen]).min()))
            layers[layer] = experts[:len(prompt)].to(torch.int32)
        return hook

    hooks = [layer.mlp.gate.register_forward_hook(listen(index)) for index, layer in enumerate(model.model.layers)
             if hasattr(layer.mlp, "experts")]
    with torch.no_grad():
        model(torch.tensor([prompt + continuation]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return torch.stack(layers), min(margins)


def save(model, folder, **options):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        os.symlink(f"../{file}", os.path.join(folder, file))


def make(name, architecture, stored, shards, settings, tokenizer):
    prompts = [tokenizer.encode(text).ids for text in PROMPTS]
    for seed in range(1000):
        model = make_model(architecture, stored, settings, seed)
        answers = []
        for prompt in prompts:
            answers.append(answer(model, prompt))
            if answers[-1][3] < GAP or len(set(answers[-1][2])) < 12:
                break
            if route(model, prompt, answers[-1][2])[1] < ROUTER_GAP:
                break
        else:
            break
    else:
        sys.exit(f"{name}: no seed with decided logits")
    tensors = {}
    for index, (prompt, (logits, logprobs, continuation, _)) in enumerate(zip(prompts, answers)):
        tensors[f"prompt.{index}"] = torch.tensor(prompt, dtype=torch.int32)
        tensors[f"logits.{index}"] = logits.contiguous()
        tensors[f"logprobs.{index}"] = logprobs.contiguous()
        tensors[f"continuation.{index}"] = torch.tensor(continuation, dtype=torch.int32)
        experts = route(model, prompt, continuation)[0]
        if experts is not None:
            tensors[f"experts.{index}"] = experts.contiguous()
    save_file(tensors, os.path.join(HERE, f"{name}.golden.safetensors"), metadata=dict(seed=str(seed), **VERSIONS))

    model.to(stored)
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=381, eos_token_id=[383, 381], do_sample=True, temperature=0.7, top_k=20, top_p=0.8)
    folder = os.path.join(HERE, name)
    save(model, folder, max_shard_size=size // shards + 30_000 if shards > 1 else "1GB",
         save_original_format=name not in FUSED)
    if name in TWINS:
        save(model, os.path.join(HERE, TWINS[name]), save_original_format=False)
    print(name, "seed", seed, "bytes", size, "gap", min(a[3] for a in answers), "files", sorted(os.listdir(folder)))


def main():
    for module in (torch, transformers, tokenizers):
        expected = VERSIONS[module.__name__]
        if module.__version__.split("+")[0] != expected:
            sys.exit(f"{module.__name__} {expected} is needed, this is {module.__version__}")
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    for name in sys.argv[1:] or MODELS:
        architecture, stored, shards, settings = MODELS[name]
        make(name, architecture, stored, shards, settings, tokenizer)


main()
