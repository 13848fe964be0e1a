#!/usr/bin/env python3
"""Kills and stops the roles of a running server at random (SIGKILL, SIGSTOP) while clients work, and says what they saw.

    Benchmarks/faults.py path/to/apus [--clients 16] [--seconds 60] [--pause 3] [--stops 0.5] [--deadline 60]
                         [-- flags of apus serve]

Every greedy answer is compared with that of an undisturbed server. A request may end with a result, with a clear error or,
when the front itself was the victim, with a closed connection; it may not outlast its deadline, and a result may not differ.
While only the detokenizer was killed, nothing but results will do. A stopped role is left to the watchdog, which `--stops`
needs to be short: give `-- --watchdog-timeout 3`.
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


class Faults:
    """What was done to the server, and when: for judging what clients saw."""

    def __init__(self):
        self.lock = threading.Lock()
        # (begin, end or None, role, signal)
        self.spans = []

    def begin(self, role, name):
        with self.lock:
            self.spans.append([time.monotonic(), None, role, name])

    def end(self):
        with self.lock:
            self.spans[-1][1] = time.monotonic()

    def only_lost_detokenizers(self, begin, end):
        """Between the two moments nothing happened but that the detokenizer was killed."""
        with self.lock:
            met = [span for span in self.spans if span[0] < end and (span[1] or end) > begin]
        return all(span[2:] == ["detokenizer", "SIGKILL"] for span in met)


def serves_again(port, supervisor, role, victim, seconds):
    """Waits until the role has a successor and a request of ours has its result."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if clients.roles(supervisor).get(role, victim) != victim:
            try:
                probe = {"text": PROMPTS[0], "sampling_params": {"temperature": 0, "max_new_tokens": 1}}
                if clients.stream(port, probe, 10)[0] == "finished":
                    return True
            except (OSError, http.client.HTTPException):
                pass
        time.sleep(0.02)
    return False


def client(port, seed, until, deadline, expected, faults, tally):
    generator = random.Random(seed)
    while time.monotonic() < until:
        text = generator.choice(PROMPTS)
        begin = time.monotonic()
        try:
            kind, last = clients.stream(port, body(text), deadline)
        except TimeoutError:
            kind, last = "stuck", None
        except (OSError, http.client.HTTPException):
            kind, last = "cut or refused", None
        if kind == "finished" and last["text"] != expected[text]:
            kind = "different"
            tally.note_wrong(f"{text}: {last['text']}")
        took = time.monotonic() - begin
        if took > deadline + 1:
            tally.note_wrong(f"a request took {took:.1f} s")
        if kind in ("error", "cut", "cut or refused") and faults.only_lost_detokenizers(begin - 1, begin + took):
            tally.note_wrong(f"{kind} without a reason: {last}")
        if kind == "error":
            tally.note_error(last)
        tally.add(kind)
        tally.longest = max(tally.longest, took)
        if kind != "finished":
            time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pause", type=float, default=3, help="mean seconds between two faults")
    parser.add_argument("--stops", type=float, default=0, help="share of faults that are SIGSTOP")
    parser.add_argument("--deadline", type=float, default=60, help="seconds that a request may take")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=30518)
    own, flags = clients.split_flags(sys.argv[1:])
    options = parser.parse_args(own)
    server = subprocess.Popen([options.apus, "serve", "--port", str(options.port), "--log-level", "warning", *flags])
    failed = True
    try:
        if not clients.wait_healthy(options.port, 120):
            sys.exit("the server did not become healthy")
        expected = {text: clients.stream(options.port, body(text), 60)[1]["text"] for text in PROMPTS}
        generator, tally, faults, counts, recoveries = random.Random(options.seed), clients.Tally(), Faults(), {}, {}
        until = time.monotonic() + options.seconds
        threads = [
            threading.Thread(target=client, args=(options.port, i, until, options.deadline, expected, faults, tally))
            for i in range(options.clients)]
        for thread in threads: thread.start()
        while time.monotonic() < until:
            time.sleep(generator.uniform(0.5, 1.5) * options.pause)
            alive = clients.roles(server.pid)
            if not alive: continue
            role = generator.choice(sorted(alive))
            name = "SIGSTOP" if generator.random() < options.stops else "SIGKILL"
            faults.begin(role, name)
            os.kill(alive[role], getattr(signal, name))
            counts[role, name] = counts.get((role, name), 0) + 1
            begin = time.monotonic()
            # A stopped role is the watchdog's business first.
            served = serves_again(options.port, server.pid, role, alive[role], options.deadline)
            faults.end()
            recoveries.setdefault((role, name), []).append(time.monotonic() - begin if served else float("inf"))
        for thread in threads: thread.join(options.deadline + 30)
        stuck = sum(thread.is_alive() for thread in threads)
        clients.wait_healthy(options.port, 30)
        time.sleep(1)
        pool = clients.pool(options.port)
        whole = pool["held"] == 0 and pool["free"] + pool["cached"] == pool["total"]
        print("faults", {" ".join(key): count for key, count in sorted(counts.items())})
        print("endings", dict(sorted(tally.counts.items())), "threads still waiting", stuck)
        print(f"longest request {tally.longest:.1f} s; errors:")
        for text, count in sorted(tally.errors.items(), key=lambda item: -item[1])[:8]: print(f"  {count} x {text}")
        for (role, name), times in sorted(recoveries.items()):
            print(f"served again after {name} of the {role}: median {sorted(times)[len(times) // 2]:.2f} s, most {max(times):.2f} s")
        print("pool", pool, "whole" if whole else "NOT WHOLE")
        for text in tally.wrong[:5]: print("wrong:", text)
        failed = stuck or not whole or any(tally.counts.get(name) for name in ("stuck", "different", "wrong"))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(90)
    print("exit status after SIGTERM", server.returncode)
    sys.exit(1 if failed or server.returncode else 0)


if __name__ == "__main__":
    main()
