#!/usr/bin/env python3
"""Swaps a server's weights again and again while clients stream, and judges every stream.

    Benchmarks/swap.py --base-url http://127.0.0.1:30000 FOLDER_A FOLDER_B [--swaps 100] [--clients 8] [--tokens 64]
                       [--trace FILE]

The folders hold two checkpoints of one shape. First each prompt is answered by each model alone; then every stream
under load must be, to the last token, what one of the two models answers, and say so in `weight_version`. Printed are
streams lost or mixed (both must be 0), how long swaps took, and the gaps between tokens with and without swaps, those of
streams that a swap overtook apart. `--trace` writes every gap as a line of CSV: seconds since the start, client, gap in ms,
whether an update was under way.
Only the standard library is used. Exit status 1 when anything was lost or mixed.
"""
import argparse
import http.client
import json
import sys
import threading
import time
import urllib.parse


def exchange(place, path, body, timeout=600):
    connection = http.client.HTTPConnection(place, timeout=timeout)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def update(place, folder, version):
    connection, answer = exchange(place, "/update_weights_from_disk", {"model_path": folder, "weight_version": version})
    try:
        text = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"the update to {folder} failed: {text}")
    finally:
        connection.close()


def stream(place, prompt, tokens):
    """The ids, the versions that made them, and the moments at which pieces came."""
    body = {
        "text": prompt, "stream": True,
        "sampling_params": {"temperature": 0, "max_new_tokens": tokens, "ignore_eos": True},
    }
    connection, answer = exchange(place, "/generate", body)
    moments, last, buffer = [], None, b""
    try:
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.read()[:200]}")
        while piece := answer.read1(1 << 16):
            buffer += piece
            moments.append(time.monotonic())
            while b"\n\n" in buffer:
                frame, buffer = buffer.split(b"\n\n", 1)
                if frame == b"data: [DONE]":
                    if "error" in last:
                        raise RuntimeError(str(last["error"]))
                    return last["output_ids"], last["meta_info"], moments
                last = json.loads(frame[6:])
        raise RuntimeError("the stream was cut off")
    finally:
        connection.close()


class Load:
    """Clients that ask for their own prompt until they are stopped."""

    def __init__(self, place, prompts, tokens, expected):
        self.place, self.prompts, self.tokens, self.expected = place, prompts, tokens, expected
        self.lock, self.over = threading.Lock(), threading.Event()
        self.counts, self.lost, self.mixed, self.gaps, self.overtaken = {}, [], [], [], []
        self.trace, self.changes = [], []
        self.threads = [threading.Thread(target=self.client, args=(i,)) for i in range(len(prompts))]

    def client(self, index):
        while not self.over.is_set():
            try:
                ids, meta, moments = stream(self.place, self.prompts[index], self.tokens)
            except (OSError, RuntimeError, http.client.HTTPException) as problem:
                with self.lock:
                    self.lost.append(repr(problem))
                continue
            version, spans = meta["weight_version"], meta["weight_versions"]
            right = ids == self.expected.get(version, {}).get(index) and len(spans) == 1
            with self.lock:
                self.counts[version] = self.counts.get(version, 0) + 1
                gaps = [b - a for a, b in zip(moments, moments[1:])]
                self.gaps += gaps
                # The weights changed at the end of an update that came while the stream ran.
                if any(moments[0] < end and begin < moments[-1] for begin, end in self.changes):
                    self.overtaken += gaps
                self.trace += [(b, index, b - a) for a, b in zip(moments, moments[1:])]
                if not right:
                    self.mixed.append((index, spans))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def words(gaps):
    ordered = sorted(gaps)

    def gap(share):
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    return f"median {gap(0.5):.1f} ms, 99% {gap(0.99):.1f} ms, longest {gap(1):.1f} ms"


def write_trace(path, start, loads):
    with open(path, "w") as file:
        print("seconds,client,gap_ms,updating", file=file)
        for load in loads:
            for moment, client, gap in sorted(load.trace):
                updating = any(begin <= moment <= end for begin, end in load.changes)
                print(f"{moment - start:.4f},{client},{1000 * gap:.2f},{int(updating)}", file=file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs=2)
    parser.add_argument("--base-url", default="http://127.0.0.1:30000")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rest", type=float, default=0.2, help="seconds between two swaps")
    parser.add_argument("--trace", help="a file for every gap")
    options = parser.parse_args()
    begin = time.monotonic()
    place = urllib.parse.urlsplit(options.base_url).netloc
    prompts = [f"Question {i}: what is the capital of country number {i}?" for i in range(options.clients)]

    expected = {}
    for version, folder in zip("ab", options.folders):
        update(place, folder, version)
        expected[version] = {i: stream(place, prompt, options.tokens)[0] for i, prompt in enumerate(prompts)}
    same = sum(expected["a"][i] == expected["b"][i] for i in expected["a"])
    print(f"prompts {len(prompts)}, of which both models answer {same} alike")

    with Load(place, prompts, options.tokens, expected) as quiet:
        time.sleep(10)
    seconds = []
    with Load(place, prompts, options.tokens, expected) as busy:
        for number in range(options.swaps):
            start = time.monotonic()
            update(place, options.folders[number % 2], "ab"[number % 2])
            end = time.monotonic()
            with busy.lock:
                busy.changes.append((start, end))
            seconds.append(end - start)
            time.sleep(options.rest)
    seconds.sort()
    print(f"swaps {len(seconds)}: median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s")
    print(f"streams {sum(busy.counts.values())} ({busy.counts}), lost {len(busy.lost)}, mixed {len(busy.mixed)}")
    print(f"gaps between tokens without swaps: {words(quiet.gaps)}")
    print(f"gaps between tokens during swaps: {words(busy.gaps)}")
    print(f"those of streams that a swap overtook: {words(busy.overtaken)}")
    if options.trace:
        write_trace(options.trace, begin, [quiet, busy])
    faults = quiet.lost + quiet.mixed + busy.lost + busy.mixed
    for fault in faults[:5]:
        print("fault:", fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
