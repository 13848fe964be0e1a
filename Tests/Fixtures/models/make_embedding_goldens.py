#!/usr/bin/env python3
"""Makes the tiny checkpoints `embed-*` of this folder and, from transformers in float32, the vectors they must give.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_embedding_goldens.py

Each folder is a Hugging Face model with random weights, some with the files of sentence-transformers; beside it
`<name>.golden.safetensors` holds for texts i = 0 ... 4: `tokens.i` [n] int32, `types.i` [n] int32 (segments) and
`vector.i` [m] float32, pooled and normalised as the folder says, or the numbers of the classifier.
"""

import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

VERSIONS = {"torch": "2.15.0", "transformers": "5.24.0"}
HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = 384
LENGTHS = [1, 7, 20, 33, 58]

ENCODER = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
               num_attention_heads=4, max_position_embeddings=66, hidden_act="gelu")
DECODER = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
               num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
               rms_norm_eps=1e-6, bos_token_id=381, eos_token_id=383, pad_token_id=None)
ROBERTA = dict(ENCODER, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)

# name: (class, stored format, pooling or None for a classifier, normalised, files of sentence-transformers, settings)
MODELS = {
    "embed-bert-mean": ("BertModel", torch.float32, "mean", True, True, dict(ENCODER, type_vocab_size=2)),
    "embed-bert-cls": ("BertModel", torch.float16, "cls", False, True,
                       dict(ENCODER, type_vocab_size=2, hidden_act="gelu_new")),
    "embed-roberta-max": ("RobertaModel", torch.float32, "max", False, True, ROBERTA),
    "embed-xlm-roberta": ("XLMRobertaModel", torch.bfloat16, "cls", True, False, ROBERTA),
    "embed-bert-cross": ("BertForSequenceClassification", torch.float32, None, False, False,
                         dict(ENCODER, type_vocab_size=2, num_labels=1)),
    "embed-xlm-roberta-cross": ("XLMRobertaForSequenceClassification", torch.bfloat16, None, False, False,
                                dict(ROBERTA, num_labels=3)),
    "embed-qwen2": ("Qwen2Model", torch.bfloat16, "lasttoken", True, False, DECODER),
    "embed-qwen2-mean": ("Qwen2Model", torch.bfloat16, "mean", True, True, DECODER),
    "embed-llama-reward": ("LlamaForSequenceClassification", torch.float32, None, False, False,
                           dict(DECODER, num_labels=1)),
    "embed-qwen2-reward": ("Qwen2ForRewardModel", torch.bfloat16, None, False, False, DECODER),
}


class Qwen2ForRewardModel(torch.nn.Module):
    """The head of Qwen2.5-Math-RM: two projections of the last token."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = transformers.Qwen2Model(config)
        size = config.hidden_size
        self.score = torch.nn.Sequential(torch.nn.Linear(size, size), torch.nn.ReLU(), torch.nn.Linear(size, 1))


def build(kind, settings):
    if kind == "Qwen2ForRewardModel":
        return Qwen2ForRewardModel(transformers.Qwen2Config(**settings)).eval()
    model = getattr(transformers, kind)
    return model(model.config_class(**settings)).eval()


def pooled(hidden, pooling):
    return {"cls": hidden[0], "lasttoken": hidden[-1], "mean": hidden.mean(0), "max": hidden.max(0).values}[pooling]


def vector(model, kind, tokens, types, pooling, normalised):
    inputs = dict(input_ids=torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.long))
    if kind.startswith("Bert"):
        inputs["token_type_ids"] = torch.tensor([types])
    with torch.no_grad():
        if kind == "Qwen2ForRewardModel":
            return model.score(model.model(**inputs).last_hidden_state[0, -1])
        if pooling is None:
            return model(**inputs).logits[0]
        result = pooled(model(**inputs).last_hidden_state[0], pooling)
    return torch.nn.functional.normalize(result, dim=0) if normalised else result


def save(name, model, kind, stored, pooling, normalised, has_files):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    state = {key: value.to(stored).contiguous() for key, value in model.state_dict().items()
             if not key.endswith("position_ids") and value.is_floating_point()}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config = json.loads(model.config.to_json_string(use_diff=False))
    config["architectures"] = [kind]
    keys = ("architectures model_type vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads "
            "num_key_value_heads max_position_embeddings type_vocab_size hidden_act layer_norm_eps rms_norm_eps "
            "pad_token_id rope_parameters id2label tie_word_embeddings eos_token_id bos_token_id").split()
    write(folder, "config.json", {key: config[key] for key in keys if config.get(key) is not None})
    if has_files:
        modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
        modules += [("2", "2_Normalize", "Normalize")] if normalised else []
        write(folder, "modules.json", [
            dict(idx=int(index), name=index, path=path, type=f"sentence_transformers.models.{kind}")
            for index, path, kind in modules])
        os.makedirs(os.path.join(folder, "1_Pooling"))
        modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
        write(folder, "1_Pooling/config.json", dict(
            word_embedding_dimension=32,
            **{f"pooling_mode_{modes[mode]}": mode == pooling for mode in ("cls", "mean", "max", "lasttoken")}))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        os.symlink(f"../{file}", os.path.join(folder, file))


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")


def make(name, seed):
    kind, stored, pooling, normalised, has_files, settings = MODELS[name]
    torch.manual_seed(seed)
    model = build(kind, settings)
    for key, parameter in model.named_parameters():
        # Wide enough that layers matter, then rounded to the stored format.
        if "norm" not in key.lower():
            torch.nn.init.normal_(parameter, std=0.2)
        else:
            parameter.data += torch.randn_like(parameter) * 0.1
        parameter.data = parameter.data.to(stored).float()
    save(name, model, kind, stored, pooling, normalised, has_files)
    golden = {}
    for index, length in enumerate(LENGTHS):
        tokens = torch.randint(3, VOCABULARY, (length,)).tolist()
        types = [0] * (length - length // 3) + [1] * (length // 3) if kind.startswith("Bert") else [0] * length
        golden[f"tokens.{index}"] = torch.tensor(tokens, dtype=torch.int32)
        golden[f"types.{index}"] = torch.tensor(types, dtype=torch.int32)
        golden[f"vector.{index}"] = vector(model, kind, tokens, types, pooling, normalised).float().contiguous()
    save_file(golden, os.path.join(HERE, f"{name}.golden.safetensors"))


if __name__ == "__main__":
    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    if found != VERSIONS:
        sys.exit(f"made with {VERSIONS}, found {found}")
    for seed, name in enumerate(MODELS):
        make(name, seed + 1)
        print(name)
