#!/usr/bin/env python3
"""Makes the tiny checkpoints `text-*` of this folder and what they must say of texts, the way to ids included.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_text_goldens.py

`text-dense` and `text-prompt` are folders of sentence-transformers: a projection with tanh, a length of texts and a
normalisation; two projections without, and a prompt that stands before every text. Beside them `<name>.golden.json`
holds `texts` and the `vectors` that sentence-transformers makes of them in float32.

`text-judge` is a reranker that answers yes or no (as Qwen3-Reranker does) with its chat template `judge.jinja`. Its golden
file holds `query`, `documents`, `instruct` and `scores`: p(yes) / (p(yes) + p(no)) by transformers in float32, without
and with the instruction.
"""

import json
import os
import shutil
import sys
import tempfile

import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, processors

VERSIONS = {"torch": "2.15.0", "transformers": "5.24.0", "sentence-transformers": "6.2.0"}
HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["The capital of France is", "a", "Is there a question that an answer in the batch is of? " * 3,
         "caf\u00e9 \u4e2d\u6587", "The capital of Italy is Rome. The capital of France"]
TEMPLATE = """\
<|im_start|>system
Say whether the document helps. The answer can only be "yes" or "no".<|im_end|>
<|im_start|>user
Task: {{ instruct | default("find what answers the query") }}
Query: {{ messages[0]["content"] }}
Document: {{ messages[1]["content"] }}<|im_end|>
<|im_start|>assistant
"""


def fill(model, stored):
    """Random weights, wide enough that layers matter, rounded to the stored format."""
    for key, parameter in model.named_parameters():
        if "norm" in key.lower():
            parameter.data += torch.randn_like(parameter) * 0.1
        else:
            torch.nn.init.normal_(parameter, std=0.2)
        parameter.data = parameter.data.to(stored).float()


def tokenizer(ends=False, words=()):
    """The folder's own, with special tokens around each text, or with further words of its alphabet."""
    found = json.load(open(os.path.join(HERE, "tokenizer.json")))
    vocabulary, merges = found["model"]["vocab"], found["model"]["merges"]
    number = 384
    for word in words:
        for end in range(2, len(word) + 1):
            if word[:end] not in vocabulary:
                vocabulary[word[:end]] = number
                number += 1
                merges.append([word[:end - 1], word[end - 1]])
    made = Tokenizer.from_str(json.dumps(found))
    if ends:
        made.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A <|im_end|>", special_tokens=[("<|im_start|>", 382), ("<|im_end|>", 383)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def sentence_model(name, seed, dense, normalised, length, prompt):
    torch.manual_seed(seed)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    config = transformers.BertConfig(
        vocab_size=384, hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=66, type_vocab_size=2)
    with tempfile.TemporaryDirectory() as body:
        bert = transformers.BertModel(config, add_pooling_layer=False)
        fill(bert, torch.float32)
        bert.save_pretrained(body)
        tokenizer(ends=True).save_pretrained(body)
        modules = [Transformer(body, max_seq_length=length), Pooling(32, pooling_mode="mean")]
        modules += [Dense(inputs, outputs, bias=bias, activation_function=activation)
                    for inputs, outputs, bias, activation in dense]
        for module in modules[2:]:
            fill(module, torch.float32)
        modules += [Normalize()] if normalised else []
        model = SentenceTransformer(
            modules=modules, device="cpu", prompts={"ask": prompt, "tell": ""} if prompt else None,
            default_prompt_name="ask" if prompt else None)
        model.save(folder, create_model_card=False)
    if name == "text-dense":
        # As versions up to 5 say it; later ones say it in the tokenizer's configuration, which `text-prompt` has.
        place = os.path.join(folder, "tokenizer_config.json")
        configuration = json.load(open(place))
        del configuration["model_max_length"]
        write(place, configuration)
        write(os.path.join(folder, "sentence_bert_config.json"), dict(max_seq_length=length, do_lower_case=False))
    for extra in ("README.md", ".gitattributes"):
        if os.path.exists(os.path.join(folder, extra)):
            os.remove(os.path.join(folder, extra))
    # Loaded anew: what the files say, not what this script knows.
    vectors = SentenceTransformer(folder, device="cpu").encode(TEXTS)
    write(f"{name}.golden.json", dict(texts=TEXTS, vectors=[[float(x) for x in row] for row in vectors]))


def judge(name, seed):
    torch.manual_seed(seed)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    words = tokenizer(words=["yes", "no"])
    config = transformers.Qwen3Config(
        vocab_size=392, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6, tie_word_embeddings=True, max_position_embeddings=1024,
        bos_token_id=None, eos_token_id=383, pad_token_id=None)
    model = transformers.Qwen3ForCausalLM(config).eval()
    fill(model, torch.bfloat16)
    model.to(torch.bfloat16).save_pretrained(folder)
    # Read anew: a model that was made bfloat16 once keeps rounded angles.
    model = transformers.Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words.save_pretrained(folder)
    with open(os.path.join(folder, "judge.jinja"), "w") as file:
        file.write(TEMPLATE)
    query = "what is the capital of Italy?"
    documents = ["Rome is the capital of Italy.", "hi", "The question is in the batch. " * 8, "Paris"]
    yes, no = words.convert_tokens_to_ids(["yes", "no"])

    def score(document, **variables):
        ids = words.apply_chat_template(
            [dict(role="user", content=query), dict(role="user", content=document)], chat_template=TEMPLATE,
            tokenize=True, return_dict=False, **variables)
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        return torch.softmax(logits[[yes, no]], 0)[0].item()

    instruct = "find a city"
    write(f"{name}.golden.json", dict(
        query=query, documents=documents, instruct=instruct,
        scores=[score(document) for document in documents],
        instructed=[score(document, instruct=instruct) for document in documents]))


def write(name, value):
    with open(os.path.join(HERE, name), "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
             "sentence-transformers": sentence_transformers.__version__}
    if found != VERSIONS:
        sys.exit(f"made with {VERSIONS}, found {found}")
    sentence_model("text-dense", 1, [(32, 24, True, torch.nn.Tanh())], True, 16, None)
    sentence_model("text-prompt", 2, [(32, 48, False, torch.nn.Identity()), (48, 20, True, torch.nn.ReLU())], False,
                   24, "question: ")
    judge("text-judge", 3)
