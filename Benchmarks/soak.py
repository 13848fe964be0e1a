#!/usr/bin/env python3
"""Many streaming clients, a part of whom leave early: is the pool whole afterwards, is memory flat, does each request end?

    Benchmarks/soak.py path/to/apus [--clients 200] [--seconds 300] [-- flags of apus serve]
"""
import argparse
import http.client
import random
import signal
import subprocess
import sys
import threading
import time

import clients

WORDS = "the capital of France is a river and what do you know about water light stone".split()


def client(port, seed, until, tally):
    generator = random.Random(seed)
    while time.monotonic() < until:
        body = {
            "text": clients.prompt(generator, WORDS),
            "sampling_params": {"max_new_tokens": generator.randint(1, 200), "temperature": 1, "ignore_eos": True},
        }
        leaves = generator.randint(1, 20) if generator.random() < 0.3 else None
        try:
            kind, detail = clients.stream(port, body, 120, leaves)
        except TimeoutError:
            kind, detail = "stuck", None
        except (OSError, http.client.HTTPException) as problem:
            kind, detail = "error", str(problem)
        tally.add(kind)
        if kind in ("error", "cut"):
            tally.note_wrong(f"{kind}: {detail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--port", type=int, default=30517)
    own, flags = clients.split_flags(sys.argv[1:])
    options = parser.parse_args(own)
    server = subprocess.Popen([options.apus, "serve", "--port", str(options.port), "--log-level", "warning", *flags])
    try:
        if not clients.wait_healthy(options.port, 120):
            sys.exit("the server did not become healthy")
        tally, until = clients.Tally(), time.monotonic() + options.seconds
        threads = [threading.Thread(target=client, args=(options.port, i, until, tally)) for i in range(options.clients)]
        for thread in threads: thread.start()
        start, memory = time.monotonic(), []
        while time.monotonic() < until:
            time.sleep(min(15, max(0, until - time.monotonic())))
            row = {name: round(clients.resident(process), 1) for name, process in clients.roles(server.pid).items()}
            memory.append(row)
            print(f"{time.monotonic() - start:5.0f} s  resident MiB {row}  {dict(sorted(tally.counts.items()))}", flush=True)
        for thread in threads: thread.join(150)
        stuck = sum(thread.is_alive() for thread in threads)
        time.sleep(2)
        pool = clients.pool(options.port)
        whole = pool["held"] == 0 and pool["free"] + pool["cached"] == pool["total"]
        print("endings", dict(sorted(tally.counts.items())), "threads still waiting", stuck)
        print("pool", pool, "whole" if whole else "NOT WHOLE")
        for text in tally.wrong[:5]: print("wrong:", text)
        failed = stuck or not whole or tally.counts.get("stuck") or tally.counts.get("wrong")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(90)
    print("exit status after SIGTERM", server.returncode)
    sys.exit(1 if failed or server.returncode else 0)


if __name__ == "__main__":
    main()
