"""Clients for the soak and fault scripts: the standard library only."""
import http.client
import json
import os
import random
import re
import threading
import time


class Tally:
    """How requests ended, counted by many threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}
        self.wrong = []
        self.errors = {}
        self.longest = 0.0

    def note_error(self, text):
        """Counts errors by their words, whatever ids and numbers are in them."""
        words = re.sub(r"[0-9a-f]{32}|\d+", "#", str(text))[:160]
        with self.lock:
            self.errors[words] = self.errors.get(words, 0) + 1

    def add(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1

    def note_wrong(self, text):
        self.add("wrong")
        with self.lock:
            self.wrong.append(text[:300])


def split_flags(arguments):
    """Arguments of the script, and those of apus serve behind `--`."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:cut], arguments[cut + 1:]


def post(port, path, body, timeout):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def get(port, path, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def stream(port, body, timeout, leave_after=None):
    """Reads a stream of /generate. Returns ("finished", last object), ("left", None) or ("error", text)."""
    connection, answer = post(port, "/generate", {**body, "stream": True}, timeout)
    try:
        if answer.status != 200:
            return "error", f"{answer.status} {answer.read().decode(errors='replace')}"
        frames, last, buffer = 0, None, b""
        while True:
            piece = answer.read1(65536)
            if not piece:
                return "cut", None
            buffer += piece
            while b"\n\n" in buffer:
                frame, buffer = buffer.split(b"\n\n", 1)
                if frame == b"data: [DONE]":
                    return ("error", json.dumps(last)) if last and "error" in last else ("finished", last)
                last = json.loads(frame[6:])
                frames += 1
                if leave_after is not None and frames >= leave_after:
                    return "left", None
    finally:
        connection.close()


def roles(supervisor):
    """Process ids of the roles below `apus serve`, by name."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if parent == supervisor and len(words) > 1:
            found[words[1].decode()] = int(entry)
    return found


def resident(process):
    """Resident memory in MiB."""
    try:
        with open(f"/proc/{process}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def pool(port):
    """Token counts of the KV pool: free, cached, held, total."""
    information = json.loads(get(port, "/get_server_info")[1])
    state = information["internal_states"][0]
    counts = {name: state[f"kv_{name}_tokens"] for name in ("free", "cached", "held")}
    return counts | {"total": information["max_total_num_tokens"]}


def wait_healthy(port, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if get(port, "/health", 5)[0] == 200:
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def prompt(generator: random.Random, words):
    return " ".join(generator.choice(words) for _ in range(generator.randint(2, 60)))
