#!/usr/bin/env python3
"""Kills the roles of a running server at random (kill -9) while clients work, and says what the clients saw.

    Benchmarks/faults.py path/to/apus [--clients 16] [--seconds 60] [--pause 3] [-- flags of apus serve]

Every greedy answer is compared with that of an undisturbed server. A request may end with a result, with a clear error or,
when the front itself was killed, with a closed connection; it may not hang, and a result may not differ.
"""
import argparse
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time

import clients

PROMPTS = [f"The capital of {name} is" for name in "France Italy Spain Japan Kenya Peru Egypt Chile".split()]


def body(text):
    return {"text": text, "sampling_params": {"temperature": 0, "max_new_tokens": 120, "ignore_eos": True}}


def client(port, seed, until, expected, tally):
    generator = random.Random(seed)
    while time.monotonic() < until:
        text = generator.choice(PROMPTS)
        try:
            kind, last = clients.stream(port, body(text), 60)
        except TimeoutError:
            kind, last = "stuck", None
        except (OSError, http.client.HTTPException):
            kind, last = "cut or refused", None
        if kind == "finished" and last["text"] != expected[text]:
            kind = "different"
            tally.note_wrong(f"{text}: {last['text']}")
        tally.add(kind)
        if kind != "finished":
            time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pause", type=float, default=3, help="mean seconds between kills")
    parser.add_argument("--port", type=int, default=30518)
    own, flags = clients.split_flags(sys.argv[1:])
    options = parser.parse_args(own)
    server = subprocess.Popen([options.apus, "serve", "--port", str(options.port), "--log-level", "warning", *flags])
    failed = True
    try:
        if not clients.wait_healthy(options.port, 120):
            sys.exit("the server did not become healthy")
        expected = {text: clients.stream(options.port, body(text), 60)[1]["text"] for text in PROMPTS}
        generator, tally, kills, recoveries = random.Random(1), clients.Tally(), {}, {}
        until = time.monotonic() + options.seconds
        threads = [
            threading.Thread(target=client, args=(options.port, i, until, expected, tally)) for i in range(options.clients)]
        for thread in threads: thread.start()
        while time.monotonic() < until:
            time.sleep(generator.uniform(0.5, 1.5) * options.pause)
            alive = clients.roles(server.pid)
            if not alive: continue
            role = generator.choice(sorted(alive))
            os.kill(alive[role], signal.SIGKILL)
            kills[role] = kills.get(role, 0) + 1
            begin = time.monotonic()
            healthy = clients.wait_healthy(options.port, 60)
            recoveries.setdefault(role, []).append(time.monotonic() - begin if healthy else float("inf"))
        for thread in threads: thread.join(90)
        stuck = sum(thread.is_alive() for thread in threads)
        clients.wait_healthy(options.port, 30)
        time.sleep(1)
        pool = clients.pool(options.port)
        whole = pool["held"] == 0 and pool["free"] + pool["cached"] == pool["total"]
        print("kills", kills, "endings", dict(sorted(tally.counts.items())), "threads still waiting", stuck)
        for role, times in sorted(recoveries.items()):
            print(f"healthy again after a killed {role}: median {sorted(times)[len(times) // 2]:.2f} s, most {max(times):.2f} s")
        print("pool", pool, "whole" if whole else "NOT WHOLE")
        for text in tally.wrong[:5]: print("wrong:", text)
        failed = stuck or not whole or tally.counts.get("stuck") or tally.counts.get("different")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(90)
    print("exit status after SIGTERM", server.returncode)
    sys.exit(1 if failed or server.returncode else 0)


if __name__ == "__main__":
    main()
