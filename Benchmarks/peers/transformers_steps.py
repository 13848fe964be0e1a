#!/usr/bin/env python3
"""Times steps of a model in torch or OpenVINO, both by way of transformers' interface.

    transformers_steps.py torch|openvino MODEL_FOLDER JSON

JSON: {"prefill": [512], "decode": [[1, 512]], "texts": [[32, 32]], "seconds": 3, "threads": 2, "ir": FOLDER}. Prints a
line of JSON for each figure: {"name": …, "rate": tokens or texts a second}. `ir` keeps what OpenVINO makes of the model.
"""

import json
import os
import statistics
import sys
import time


def say(name, rate):
    print(json.dumps({"name": name, "rate": rate}), flush=True)


def rate(count, seconds, step):
    """Median of at least three runs, after one to warm up."""
    step()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return count / statistics.median(times)


def load(backend, folder, spec, generates):
    import torch
    torch.set_num_threads(spec["threads"])
    import transformers
    if backend == "torch":
        kind = transformers.AutoModelForCausalLM if generates else transformers.AutoModel
        return kind.from_pretrained(folder, dtype=torch.bfloat16).eval()
    from optimum.intel import OVModelForCausalLM, OVModelForFeatureExtraction
    kind = OVModelForCausalLM if generates else OVModelForFeatureExtraction
    settings = {"INFERENCE_NUM_THREADS": spec["threads"], "INFERENCE_PRECISION_HINT": "bf16"}
    made = os.path.exists(f"{spec['ir']}/openvino_model.xml")
    # Left to itself, it makes int8 weights of more than a billion.
    exporting = {} if made else {"export": True, "load_in_8bit": False}
    model = kind.from_pretrained(spec["ir"] if made else folder, ov_config=settings, **exporting)
    if not made:
        model.save_pretrained(spec["ir"])
    return model


def main():
    backend, folder, spec = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    import torch
    generates = bool(spec.get("prefill") or spec.get("decode"))
    model = load(backend, folder, spec, generates)
    size = model.config.vocab_size
    ids = lambda rows, columns: torch.randint(0, size, (rows, columns))
    if spec.get("export_only"):
        return
    with torch.inference_mode():
        def generate(tokens, count):
            model.generate(
                tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=count, min_new_tokens=count,
                do_sample=False, pad_token_id=0, eos_token_id=None)

        for length in spec.get("prefill", []):
            say(f"prefill {length}", rate(length, spec["seconds"], lambda: generate(ids(1, length), 1)))
        for batch, context in spec.get("decode", []):
            tokens, steps = ids(batch, context), 12
            generate(tokens, 2)
            best = 0
            for _ in range(2):
                start = time.perf_counter()
                generate(tokens, 1)
                middle = time.perf_counter()
                generate(tokens, 1 + steps)
                prompts = middle - start
                seconds = time.perf_counter() - middle - prompts
                # Where prompts take nearly all of it, the difference says nothing.
                if seconds > prompts / 10:
                    best = max(best, batch * steps / seconds)
            if best > 0:
                say(f"decode {batch} x {context}", best)
        for batch, length in spec.get("texts", []):
            tokens = ids(batch, length)
            mask, types = torch.ones_like(tokens), torch.zeros_like(tokens)
            inputs = {"input_ids": tokens, "attention_mask": mask}
            if model.config.model_type == "bert":
                inputs["token_type_ids"] = types
            say(f"texts {batch} x {length}", rate(batch, spec["seconds"], lambda: model(**inputs)))


main()
