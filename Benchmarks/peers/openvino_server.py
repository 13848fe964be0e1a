#!/usr/bin/env python3
"""OpenVINO GenAI's continuous batching behind `/generate`, since its wheels bring no server.

    openvino_server.py IR_FOLDER --port PORT [--threads N] [--cache-gb 2] [--batch-tokens 512]

Takes `input_ids` and `sampling_params.max_new_tokens`, streams SGLang's frames (ids, no text), greedy and without an end
token. The engine's `step()` keeps Python's lock, so HTTP lives in a process of its own.
"""
import argparse
import json
import multiprocessing
import queue
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve_http(port, requests, results):
    streams, lock, numbers = {}, threading.Lock(), iter(range(1 << 62))

    def spread():
        while True:
            for number, ids, is_last in results.get():
                streams[number].put((ids, is_last))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            mine = queue.SimpleQueue()
            with lock:
                number = next(numbers)
                streams[number] = mine
            requests.put((number, body["input_ids"], body["sampling_params"]["max_new_tokens"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            count, is_last = 0, False
            while not is_last:
                ids, is_last = mine.get()
                count += len(ids)
                usage = {"prompt_tokens": len(body["input_ids"]), "completion_tokens": count}
                reason = {"type": "length", "length": count} if is_last else None
                self.frame(json.dumps({"text": "", "output_ids": ids, "meta_info": {**usage, "finish_reason": reason}}))
            self.frame("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
            del streams[number]

        def frame(self, text):
            data = f"data: {text}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

    threading.Thread(target=spread, daemon=True).start()
    Server(("127.0.0.1", port), Handler).serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache-gb", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=512)
    options = parser.parse_args()

    import numpy
    import openvino
    import openvino_genai

    scheduling = openvino_genai.SchedulerConfig()
    scheduling.cache_size = options.cache_gb
    scheduling.dynamic_split_fuse = True
    scheduling.max_num_batched_tokens = options.batch_tokens
    scheduling.max_num_seqs = 64
    scheduling.enable_prefix_caching = True
    engine = openvino_genai.ContinuousBatchingPipeline(
        options.folder, scheduling, "CPU", {"INFERENCE_NUM_THREADS": options.threads})

    # As an exception, so that the process that serves goes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    spawn = multiprocessing.get_context("spawn")
    requests, results = spawn.SimpleQueue(), spawn.SimpleQueue()
    front = spawn.Process(target=serve_http, args=(options.port, requests, results), daemon=True)
    front.start()
    running = {}

    def add(number, ids, limit):
        wanted = openvino_genai.GenerationConfig()
        wanted.max_new_tokens, wanted.ignore_eos = limit, True
        tensor = openvino.Tensor(numpy.array([ids], dtype=numpy.int64))
        running[number] = [engine.add_request(number, tensor, wanted), 0, limit]

    while front.is_alive():
        while not running or not requests.empty():
            add(*requests.get())
        engine.step()
        made = []
        for number, entry in list(running.items()):
            handle, count, limit = entry
            if not handle.can_read():
                continue
            ids = [token for output in handle.read().values() for token in output.generated_ids]
            entry[1] = count + len(ids)
            made.append((number, ids, entry[1] >= limit))
            if entry[1] >= limit:
                del running[number]
        if made:
            results.put(made)


if __name__ == "__main__":
    main()
