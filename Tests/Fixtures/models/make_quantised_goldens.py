#!/usr/bin/env python3
"""Judges Apus by the compressed-tensors library: its checkpoints read here, and the library's read there.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_quantised_goldens.py
    venv/bin/python make_quantised_goldens.py check APUS [MODEL]

Without arguments: makes one small model (random weights) and has the library compress it in three ways:
`quantised-w8a8`, `quantised-w4a16-32`, `quantised-w4a16-128`. Beside each, `<name>.golden.safetensors` holds what the
library and transformers make of that folder in float32: `logits.i` [vocabulary] after each `prompt.i`, and two of its
decompressed weights under their names.

`check`: APUS (the program) quantises MODEL (a checkpoint of Qwen2, Qwen3 or Llama in bfloat16; default: the bundled one)
by `apus quantize`, and the library compresses it too. Every folder is loaded by both. Weights that Apus serves
(`/get_weights_by_name`) are compared with the library's bit by bit, and log probabilities of a prompt within bounds.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import compressed_tensors
import torch
import transformers
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (
    QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config)
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file

VERSIONS = {"compressed_tensors": "0.20.1", "torch": "2.15.0", "transformers": "5.24.0"}
HERE = os.path.dirname(os.path.abspath(__file__))
PROMPTS = [[5, 17, 99, 3], [256, 1, 300, 45, 45, 45, 12, 80, 7], [370]]
SHOWN = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight"]
# Apus' word for a scheme, the library's arguments for weights.
SCHEMES = {
    "w8a8": ("w8a8_int8", dict(num_bits=8, strategy="channel")),
    "w4a16-32": ("int4", dict(num_bits=4, strategy="group", group_size=32)),
    "w4a16-128": ("int4-128", dict(num_bits=4, strategy="group", group_size=128)),
}
PORT = int(os.environ.get("PORT", 31499))


def compress(model, scheme, folder):
    """The library's own quantiser (scales by the largest magnitude) and compressor."""
    arguments = SCHEMES[scheme][1]
    activations = None
    if arguments["num_bits"] == 8:
        activations = QuantizationArgs(num_bits=8, strategy="token", dynamic=True, symmetric=True)
    config = QuantizationConfig(ignore=["lm_head"], config_groups={"group_0": QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(symmetric=True, **arguments), input_activations=activations)})
    apply_quantization_config(model, config)
    for module in model.modules():
        if not hasattr(module, "weight_scale"):
            continue
        groups = module.weight.detach().unflatten(-1, (-1, arguments.get("group_size", module.weight.shape[-1])))
        scales, zeros = calculate_qparams(groups.amin(-1), groups.amax(-1), module.quantization_scheme.weights)
        module.weight_scale.data.copy_(scales)
        if hasattr(module, "weight_zero_point"):
            module.weight_zero_point.data.copy_(zeros)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    compressor.update_config(folder)


def load(folder):
    """The folder as the library decompresses it, in float32. Activations are quantised where the scheme says so."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        model(torch.tensor([[0]]), use_cache=False)
    names = dict(model.named_parameters())
    assert not any(name.endswith("_packed") for name in names)
    assert all(parameter.dtype == torch.float32 for name, parameter in names.items() if name.endswith("proj.weight"))
    return model


def logits(model, prompt):
    with torch.no_grad():
        return model(torch.tensor([prompt]), use_cache=False).logits[0]


def make():
    tie = dict(vocab_size=384, bos_token_id=381, eos_token_id=383, max_position_embeddings=512, tie_word_embeddings=True)
    for scheme in SCHEMES:
        torch.manual_seed(7)
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
            hidden_size=128, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
            **tie))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.randn_like(parameter) * (0.5 if "embed" in name else 1.5 / 128 ** 0.5)
                                + (1 if "norm" in name else 0))
        name = f"quantised-{scheme}"
        folder = os.path.join(HERE, name)
        compress(model.to(torch.bfloat16), scheme, folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            os.symlink(f"../{file}", os.path.join(folder, file))
        model = load(folder)
        parameters = dict(model.named_parameters())
        tensors = {shown: parameters[shown].detach().contiguous() for shown in SHOWN}
        for index, prompt in enumerate(PROMPTS):
            tensors[f"prompt.{index}"] = torch.tensor(prompt, dtype=torch.int32)
            tensors[f"logits.{index}"] = logits(model, prompt)[-1].contiguous()
        save_file(tensors, os.path.join(HERE, f"{name}.golden.safetensors"), metadata=VERSIONS)
        print(name, {file: os.path.getsize(os.path.join(folder, file)) for file in sorted(os.listdir(folder))})


def post(path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def compare(apus, folder, title):
    """One folder, loaded by both."""
    model = load(folder)
    vocabulary = model.config.vocab_size
    prompt = [(7919 * index + 5) % (vocabulary - 8) for index in range(64)]
    server = subprocess.Popen(
        [apus, "serve", "--model-path", folder, "--port", str(PORT), "--dtype", "float32"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=5)
                break
            except OSError:
                time.sleep(0.2)
        equal = within = total = 0
        for name, parameter in model.named_parameters():
            if not name.endswith("proj.weight"):
                continue
            ours = torch.tensor(
                post("/get_weights_by_name", {"name": name, "truncate_size": parameter.shape[0]}), dtype=torch.float32)
            theirs = parameter.detach()
            assert ours.shape == theirs.shape, name
            total += ours.numel()
            equal += int((ours == theirs).sum())
            within += int(((ours - theirs).abs() <= theirs.abs() / 256).sum())
        answer = post("/generate", {
            "input_ids": prompt, "return_logprob": True, "logprob_start_len": 0,
            "sampling_params": {"max_new_tokens": 1, "temperature": 0}})
        found = torch.tensor([entry[0] for entry in answer["meta_info"]["input_token_logprobs"][1:]])
        expected = torch.log_softmax(logits(model, prompt), -1)[:-1].gather(1, torch.tensor(prompt)[1:, None])[:, 0]
        difference = (found - expected).abs()
        print(f"{title}: {equal} of {total} weights have equal bits, {within} lie within an ulp of bfloat16; "
              f"log probabilities differ by {difference.mean():.4f} at the mean, {difference.max():.4f} at most")
        return equal == total and within == total and float(difference.mean()) < 0.1
    finally:
        server.terminate()
        server.wait()


def check(apus, source):
    good = True
    with tempfile.TemporaryDirectory() as place:
        for scheme, (word, _) in SCHEMES.items():
            ours, theirs = os.path.join(place, f"apus-{scheme}"), os.path.join(place, f"library-{scheme}")
            subprocess.run([apus, "quantize", source, ours, "--quantization", word], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            compress(transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16), scheme, theirs)
            for file in os.listdir(source):
                if "token" in file:
                    shutil.copy(os.path.join(source, file), theirs)
            good = compare(apus, ours, f"{scheme} by apus quantize") and good
            good = compare(apus, theirs, f"{scheme} by the library") and good
    sys.exit(0 if good else "not what the library says")


def main():
    for module in (compressed_tensors, torch, transformers):
        expected = VERSIONS[module.__name__]
        if module.__version__.split("+")[0] != expected:
            sys.exit(f"{module.__name__} {expected} is needed, this is {module.__version__}")
    if sys.argv[1:2] == ["check"]:
        bundled = os.path.join(HERE, "../../../Deploy/models/apus-mini")
        check(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else bundled)
    else:
        make()


main()
