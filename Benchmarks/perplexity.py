#!/usr/bin/env python3
"""Perplexity of a model as Apus computes it, in one or more formats of its weights, on a file of held-out texts.

    Deploy/models/training/data.py --work WORK --held-out-only
    Benchmarks/perplexity.py apus WORK/held-out.json [--model DIR] [--quantization w8a8_int8 int4 …] [--longest 1024]

The file is a JSON object of lists of texts, as `data.py` writes it. Each text is cut to `--longest` tokens and sent to
/generate for the log probabilities of its own tokens; the server is started once for each format. Prints a table, with
the change against bfloat16, and the divergence from bfloat16's predictions at the tokens of the text: the mean of
|difference of log probabilities|.
"""
import argparse
import json
import math
import socket
import subprocess
import tempfile
import time

import clients


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port, path, body):
    connection, answer = clients.post(port, path, body, 600)
    try:
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {data[:300]!r}")
        return json.loads(data)
    finally:
        connection.close()


def log_probabilities(port, texts, longest):
    """One list of numbers for each text: of its tokens, the first excepted."""
    results = []
    for start in range(0, len(texts), 16):
        ids = [call(port, "/tokenize", {"prompt": text})["tokens"][:longest] for text in texts[start:start + 16]]
        ids = [tokens for tokens in ids if len(tokens) > 1]
        if not ids:
            continue
        body = {"input_ids": ids, "return_logprob": True, "logprob_start_len": 0,
                "sampling_params": {"max_new_tokens": 0, "temperature": 0}}
        for answer in call(port, "/generate", body):
            results.append([entry[0] for entry in answer["meta_info"]["input_token_logprobs"][1:]])
    return results


def measure(arguments, quantization, texts):
    port = free_port()
    with tempfile.TemporaryDirectory() as runtime, tempfile.TemporaryFile() as log:
        command = [arguments.apus, "serve", "--port", str(port), "--runtime-dir", runtime, "--max-total-tokens", "65536"]
        if arguments.model:
            command += ["--model-path", arguments.model]
        if quantization != "bfloat16":
            command += ["--quantization", quantization]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    if clients.get(port, "/health", 5)[0] == 200:
                        break
                except OSError:
                    pass
                if server.poll() is not None:
                    log.seek(0)
                    raise SystemExit(log.read().decode(errors="replace")[-2000:])
                time.sleep(0.2)
            else:
                raise SystemExit("the server did not come up")
            return log_probabilities(port, texts, arguments.longest)
        finally:
            server.terminate()
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("texts")
    parser.add_argument("--model", help="the bundled one if not given")
    parser.add_argument("--quantization", nargs="*", default=["w8a8_int8", "int4-32", "int4-128"])
    parser.add_argument("--longest", type=int, default=1024)
    arguments = parser.parse_args()
    with open(arguments.texts) as file:
        texts = [text for documents in json.load(file).values() for text in documents]
    base = None
    print("| weights | perplexity | against bfloat16 | mean difference of log probabilities |\n|---|---|---|---|")
    for quantization in ["bfloat16", *arguments.quantization]:
        found = [x for text in measure(arguments, quantization, texts) for x in text]
        perplexity = math.exp(-sum(found) / len(found))
        if base is None:
            base, base_perplexity = found, perplexity
        change = perplexity / base_perplexity - 1
        difference = sum(abs(a - b) for a, b in zip(found, base)) / len(found)
        print(f"| {quantization} | {perplexity:.3f} | {100 * change:+.2f}% | {difference:.4f} |", flush=True)
    print(f"\n{len(texts)} texts, {len(base)} tokens predicted")


if __name__ == "__main__":
    main()
