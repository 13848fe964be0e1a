#!/usr/bin/env python3
"""Makes `<name>.hidden.safetensors` for each model of `make_model_goldens.py`, from the folders that are there:
`prompt` [n] int32 and `hidden` [n, hidden size] float32, what transformers' last norm gives.

    venv/bin/python make_hidden_goldens.py
"""

import os

import torch
import transformers
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["llama-scaled", "llama-biased", "mistral", "qwen2", "qwen2-window", "qwen3", "qwen2-moe", "qwen3-moe", "mixtral"]
PROMPT = "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n"

torch.set_num_threads(1)
for name in MODELS:
    folder = os.path.join(HERE, name)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=os.path.join(HERE, "tokenizer.json"))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.tensor([tokenizer.encode(PROMPT)])
    with torch.no_grad():
        states = model.model(ids, use_cache=False).last_hidden_state[0]
    tensors = dict(prompt=ids[0].to(torch.int32), hidden=states.float().contiguous())
    save_file(tensors, os.path.join(HERE, f"{name}.hidden.safetensors"), metadata=dict(
        torch=torch.__version__, transformers=transformers.__version__))
    print(name, tuple(states.shape))
