"""Asks a server again and again, each time over a new connection, and counts what comes back.

    load.py URL SECONDS [--clients N] [--key KEY]

Prints a line of JSON: how many answers of each status, how many connections were refused or broke, and the longest wait.
"""
import argparse
import collections
import http.client
import json
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("seconds", type=float)
parser.add_argument("--clients", type=int, default=4)
parser.add_argument("--key")
arguments = parser.parse_args()

place = urllib.parse.urlsplit(arguments.url)
body = json.dumps({"text": "The capital of France is", "sampling_params": {"temperature": 0, "max_new_tokens": 4}})
headers = {"Content-Type": "application/json"}
if arguments.key:
    headers["Authorization"] = f"Bearer {arguments.key}"
counts = collections.Counter()
longest = 0.0
lock = threading.Lock()
end = time.monotonic() + arguments.seconds


def ask():
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    try:
        connection.request("POST", "/generate", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            return f"{answer.status} {text[:100]}"
        return "200" if json.loads(text)["text"].startswith(" Paris") else "wrong text"
    except OSError as error:
        return type(error).__name__
    except http.client.HTTPException as error:
        return type(error).__name__
    finally:
        connection.close()


def client():
    global longest
    while time.monotonic() < end:
        began = time.monotonic()
        outcome = ask()
        with lock:
            counts[outcome] += 1
            longest = max(longest, time.monotonic() - began)
        time.sleep(0.02)


threads = [threading.Thread(target=client) for _ in range(arguments.clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"outcomes": dict(counts), "longest": round(longest, 2)}))
