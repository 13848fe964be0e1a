#!/usr/bin/env python3
"""Endpoints of every kind for an hour at a part of what the machine can do, while clients leave and weights are swapped.

    Benchmarks/mixed_soak.py path/to/apus --out RESULTS [--minutes 60] [--load 0.8] [--swap-every 20] [-- flags]

Five servers run at once: the bundled model, an embedder, a cross-encoder, a reward model and a mixture of experts (the small
checkpoints of the tests). First clients that wait for each answer find how many requests a minute the machine can take; then
`--load` of that comes at fixed moments, whatever is still unanswered. Each minute has the same kinds of requests at the same
moments, with lengths that average out, so that each ends as many requests and tokens unless the servers fall behind. The
generating server's weights are swapped all the while between two versions, the embedder's once a minute.

Writes RESULTS.csv, a line a minute (the first is left out of what is compared: caches fill), and RESULTS.svg. Exit status 1
when throughput at the end is not within 3% of the beginning, on any status of 500 or more, on any request without a good
ending, when a pool is not whole at the end, or when resident memory has grown by more than 2% since the eleventh minute.
Only the standard library is used.
"""
import argparse
import collections
import concurrent.futures
import csv
import http.client
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import clients
import line_chart
import workload

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "Tests/Fixtures/models"
BUNDLED = ROOT / "Deploy/models/apus-mini"
SERVERS = {
    "generate": (BUNDLED, ["--tool-call-parser", "llama3"]),
    "embed": (MODELS / "embed-bert-mean", ["--is-embedding"]),
    "cross": (MODELS / "embed-bert-cross", ["--is-embedding"]),
    "reward": (MODELS / "embed-qwen2-reward", ["--is-embedding"]),
    "experts": (MODELS / "qwen2-moe", ["--expert-distribution-recorder-mode", "stat"]),
}
WORKERS = 96


def vary(source, target):
    """A checkpoint of the same shape with other numbers: the lowest bit of every bfloat16 is turned."""
    shutil.copytree(source, target)
    path = target / "model.safetensors"
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start::2] = data[start::2].translate(bytes(byte ^ 1 for byte in range(256)))
    path.write_bytes(data)
    return target


class Book:
    """Endings by the minute in which requests were due."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows = collections.defaultdict(lambda: {"ended": 0, "left": 0, "tokens": 0, "waits": []})
        self.statuses = collections.Counter()
        self.waits = collections.defaultdict(list)
        self.wrong = []
        self.late = 0.0

    def note(self, minute, kind, ended, seconds, late):
        with self.lock:
            row = self.rows[minute]
            self.statuses[ended.status] += 1
            self.late = max(self.late, late)
            if ended.status != 200:
                self.wrong.append(f"minute {minute + 1}, {kind.__name__}: {ended.status} {ended.text[:200]}")
                print("WRONG:", self.wrong[-1], flush=True)
                return
            row["ended"] += 1
            row["left"] += ended.left
            row["tokens"] += ended.tokens
            row["waits"].append(seconds)
            self.waits[kind.__name__].append(seconds)


def ask(ports, kind, seed):
    try:
        return kind(ports, random.Random(seed))
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return workload.Ended(0, text=f"{type(problem).__name__} {problem}")


def capacity(ports, seconds, workers=24):
    """Requests a second when `workers` clients each wait for their answer."""
    plan = [step for _, step in workload.minute(2000)]
    place, lock, until = [0], threading.Lock(), time.monotonic() + seconds

    def client():
        while time.monotonic() < until:
            with lock:
                kind, seed = plan[place[0] % len(plan)]
                place[0] += 1
            ended = ask(ports, kind, seed)
            if ended.status != 200:
                sys.exit(f"before the soak, {kind.__name__}: {ended.status} {ended.text}")

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for each in [pool.submit(client) for _ in range(workers)]:
            each.result()
    return place[0] / (time.monotonic() - begin)


class Swaps:
    """Two versions in turn, until told to stop; each answer must be 200."""

    def __init__(self, port, folders, every):
        self.port, self.folders, self.every = port, folders, every
        self.over, self.count, self.failed = threading.Event(), 0, []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(self.every):
            folder = self.folders[(self.count + 1) % 2]
            try:
                status, answer = workload.exchange(
                    self.port, "POST", "/update_weights_from_disk",
                    {"model_path": str(folder), "weight_version": folder.name}, timeout=120)
            except (OSError, http.client.HTTPException) as problem:
                status, answer = 0, problem
            self.count += 1
            if status != 200:
                self.failed.append(f"{status} {answer}")

    def stop(self):
        self.over.set()
        self.thread.join()


def soak(options, ports, supervisors, per_minute, book):
    """Runs the minutes. Returns resident MiB by role at the end of each."""
    plan, memory = workload.minute(per_minute), []
    pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
    begin = time.monotonic() + 0.5

    def one(minute, due, kind, seed):
        started = time.monotonic()
        ended = ask(ports, kind, seed)
        book.note(minute, kind, ended, time.monotonic() - due, started - due)

    for minute in range(options.minutes):
        for moment, (kind, seed) in plan:
            due = begin + 60 * minute + moment
            time.sleep(max(0, due - time.monotonic()))
            pool.submit(one, minute, due, kind, seed + minute)
        row = {}
        for name, supervisor in supervisors.items():
            for role, process in clients.roles(supervisor.pid).items():
                row[f"{name} {role}"] = clients.resident(process)
        memory.append(row)
        print(f"minute {minute + 1}: {dict(book.statuses)}, latest start {book.late:.2f} s, "
              f"{sum(row.values()):.1f} MiB", flush=True)
    pool.shutdown()
    return memory


def table(book, memory):
    rows = []
    for minute, resident in enumerate(memory):
        row = book.rows[minute]
        waits = sorted(row["waits"]) or [0]
        rows.append({
            "minute": minute + 1, "ended": row["ended"], "left": row["left"], "tokens": row["tokens"],
            "p50_ms": round(1e3 * statistics.median(waits), 1), "p99_ms": round(1e3 * waits[int(len(waits) * 0.99)], 1),
            "rss_mib": round(sum(resident.values()), 1),
        } | {name: round(size, 1) for name, size in sorted(resident.items())})
    return rows


def judge(rows, book, swaps, ports):
    """What is wrong with the run."""
    part = max(1, min(5, (len(rows) - 1) // 2))
    first, last = rows[1:1 + part], rows[-part:]
    failures = book.wrong[:10] + [f"swap: {each}" for swap in swaps for each in swap.failed[:3]]
    for name in ("ended", "tokens"):
        before, after = (sum(row[name] for row in part_rows) for part_rows in (first, last))
        print(f"{name}: minutes 2 to {1 + part} {before}, last {part} {after}: {100 * (after / max(1, before) - 1):+.2f}%")
        if abs(after - before) > 0.03 * before:
            failures.append(f"{name} changed by more than 3%")
    # A second set of weights comes and goes: single minutes differ by it.
    settled = statistics.mean(row["rss_mib"] for row in rows[min(10, len(rows) - 1):][:5])
    end = statistics.mean(row["rss_mib"] for row in rows[-5:])
    print(f"resident, means of five minutes: from the eleventh {settled:.1f} MiB, at the end {end:.1f}")
    if end > 1.02 * settled:
        failures.append("resident memory grew")
    for name in ("generate", "experts"):
        pool = clients.pool(ports[name])
        print(f"pool of {name}: {pool}")
        if pool["held"] or pool["free"] + pool["cached"] != pool["total"]:
            failures.append(f"the pool of {name} is not whole")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--calibrate", type=float, default=60, help="seconds in which the capacity is found")
    parser.add_argument("--per-minute", type=int, help="requests a minute, instead of a part of the capacity")
    parser.add_argument("--swap-every", type=float, default=20)
    parser.add_argument("--port", type=int, default=30530)
    own, flags = clients.split_flags(sys.argv[1:])
    options = parser.parse_args(own)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-soak-"))
    ports = {name: options.port + index for index, name in enumerate(SERVERS)}
    environment = os.environ | {"SGLANG_EXPERT_DISTRIBUTION_RECORDER_DIR": str(folder / "records")}
    (folder / "records").mkdir()
    supervisors, book, swaps, failures = {}, Book(), [], []
    try:
        for name, (model, more) in SERVERS.items():
            supervisors[name] = subprocess.Popen(
                [options.apus, "serve", "--model-path", str(model), "--port", str(ports[name]), "--log-level", "warning",
                 "--enable-metrics", "--max-total-tokens", "32768", *more, *flags], env=environment)
        for name, port in ports.items():
            if not clients.wait_healthy(port, 120):
                sys.exit(f"{name} did not become healthy")
        per_minute = options.per_minute or round(60 * options.load * capacity(ports, options.calibrate))
        print(f"{per_minute} requests a minute", flush=True)
        swaps = [
            Swaps(ports["generate"], [BUNDLED, vary(BUNDLED, folder / "varied")], options.swap_every),
            Swaps(ports["embed"], [SERVERS["embed"][0]] * 2, 60),
        ]
        memory = soak(options, ports, supervisors, per_minute, book)
        for swap in swaps: swap.stop()
        time.sleep(2)
        rows = table(book, memory)
        with open(options.out + ".csv", "w", newline="") as file:
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        with open(options.out + ".svg", "w") as file:
            file.write(line_chart.draw(
                f"Mixed soak: {per_minute} requests a minute, {sum(swap.count for swap in swaps)} swaps", "minute",
                [("requests and tokens ended, by the minute", {
                    "requests": [row["ended"] for row in rows], "tokens": [row["tokens"] for row in rows]}),
                 ("milliseconds from due to ended", {
                    "median": [row["p50_ms"] for row in rows], "99%": [row["p99_ms"] for row in rows]}),
                 ("resident memory, MiB", {
                     name: [row.get(name, 0) for row in rows] for name in sorted(memory[-1]) if name.startswith("generate")
                 } | {"all servers": [row["rss_mib"] for row in rows]})]))
        failures = judge(rows, book, swaps, ports)
        for name, waits in sorted(book.waits.items()):
            waits.sort()
            print(f"{name:20} {len(waits):7} ended, median {1e3 * statistics.median(waits):7.0f} ms, "
                  f"99% {1e3 * waits[int(len(waits) * 0.99)]:7.0f}, longest {1e3 * waits[-1]:7.0f}")
        print("statuses", dict(book.statuses), "swaps", [swap.count for swap in swaps],
              "left early", sum(row["left"] for row in rows))
    finally:
        for swap in swaps: swap.over.set()
        for supervisor in supervisors.values(): supervisor.send_signal(signal.SIGTERM)
        statuses = [supervisor.wait(90) for supervisor in supervisors.values()]
        shutil.rmtree(folder, ignore_errors=True)
    print("exit statuses after SIGTERM", statuses)
    for each in failures: print("FAILED:", each)
    sys.exit(1 if failures or any(statuses) else 0)


if __name__ == "__main__":
    main()
