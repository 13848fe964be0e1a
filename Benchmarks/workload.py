"""The requests of the mixed soak: endpoints of every kind, each with what a good answer looks like."""
import http.client
import json
import random

TEXT = "the capital of France is a river and what do you know about water light stone".split()
SCHEMA = '{"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":9}},"required":["n"]}'
TOOL = {"type": "function", "function": {
    "name": "weather", "parameters": {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}}}


class Ended:
    """How one request ended: `status` (0: no answer), output tokens, and whether the client left before the end."""

    def __init__(self, status, tokens=0, left=False, text=""):
        self.status, self.tokens, self.left, self.text = status, tokens, left, text


def words(generator, low, high):
    return " ".join(generator.choice(TEXT) for _ in range(generator.randint(low, high)))


def sampling(generator, low=8, high=48, **more):
    return {"max_new_tokens": generator.randint(low, high), "temperature": 1, "ignore_eos": True} | more


def exchange(port, method, path, body=None, timeout=60):
    """A request and its whole answer; JSON where it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        raw = answer.read()
        kind = answer.getheader("Content-Type", "")
        return answer.status, json.loads(raw) if "json" in kind and raw else raw
    finally:
        connection.close()


def counted(status, answer, count):
    """`count` finds the output tokens in a good answer; an answer in which it finds none is a wrong one."""
    if status != 200:
        return Ended(status, text=str(answer))
    try:
        return Ended(status, count(answer))
    except (KeyError, IndexError, TypeError) as problem:
        return Ended(0, text=f"{type(problem).__name__} {problem} in {str(answer)[:1200]}")


def streamed(port, path, body, leave_after=None, timeout=60):
    """Reads a stream to its end, or leaves after so many reads. Frames are looked at once they are all there: the client
    shares its processors with the server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, json.dumps(body | {"stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            return Ended(answer.status, text=answer.read().decode(errors="replace"))
        pieces, reads = [], 0
        while piece := answer.read1(1 << 16):
            pieces.append(piece)
            reads += 1
            if leave_after is not None and reads >= leave_after:
                return Ended(200, left=True)
        frames = [frame[6:] for frame in b"".join(pieces).split(b"\n\n") if frame.startswith(b"data: ")]
        if not frames or frames[-1] != b"[DONE]":
            return Ended(0, text="the stream was cut off")
        objects = [json.loads(frame) for frame in frames[-3:-1]]
        if any("error" in each for each in objects):
            return Ended(0, text=str(objects[-1]))
        usage = objects[-1].get("usage") or {}
        return Ended(200, objects[-1]["meta_info"]["completion_tokens"] if "meta_info" in objects[-1]
                     else usage["completion_tokens"])
    finally:
        connection.close()


def generate_stream(ports, generator):
    return streamed(ports["generate"], "/generate", {
        "text": words(generator, 2, 60), "sampling_params": sampling(generator)})


def generate_and_leave(ports, generator):
    return streamed(ports["generate"], "/generate", {
        "text": words(generator, 2, 60), "sampling_params": sampling(generator, 100, 200)},
        leave_after=generator.randint(1, 10))


def generate_and_abort(ports, generator):
    """The client ends its own request by name while it waits for it."""
    import threading
    rid = f"soak-{generator.getrandbits(64):x}"
    timer = threading.Timer(0.2, exchange, (ports["generate"], "POST", "/abort_request", {"rid": rid}))
    timer.start()
    status, answer = exchange(ports["generate"], "POST", "/generate", {
        "rid": rid, "text": words(generator, 2, 20), "sampling_params": sampling(generator, 150, 200)})
    timer.join()
    if status == 200 and answer["meta_info"]["finish_reason"]["type"] in ("abort", "length"):
        return Ended(200, left=True)
    return Ended(status if status != 200 else 0, text=str(answer))


def generate_logprobs(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/generate", {
        "text": words(generator, 10, 60), "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": 3,
        "sampling_params": sampling(generator, 4, 16)})
    return counted(status, answer, lambda a: len(a["meta_info"]["output_token_logprobs"]))


def generate_batch(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/generate", {
        "text": [words(generator, 4, 20) for _ in range(3)], "sampling_params": sampling(generator, 8, 24, n=2)})
    return counted(status, answer, lambda a: sum(each["meta_info"]["completion_tokens"] for each in a))


def generate_schema(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/generate", {
        "text": words(generator, 2, 20),
        "sampling_params": {"max_new_tokens": 40, "temperature": 1, "json_schema": SCHEMA}})
    # How many tokens an object takes is the model's choice, and no part of the throughput that is compared.
    return counted(status, answer, lambda a: 0 * json.loads(a["text"])["n"] if a["meta_info"]["finish_reason"]["type"] == "stop" else 0)


def completion(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/v1/completions", {
        "model": "default", "prompt": words(generator, 2, 40), "max_tokens": generator.randint(8, 32),
        "ignore_eos": True, "logprobs": 2})
    return counted(status, answer, lambda a: a["usage"]["completion_tokens"])


def chat_stream(ports, generator):
    return streamed(ports["generate"], "/v1/chat/completions", {
        "model": "default", "messages": [{"role": "user", "content": words(generator, 2, 30)}],
        "max_tokens": generator.randint(8, 40), "ignore_eos": True, "stream_options": {"include_usage": True}})


def chat_tool(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/v1/chat/completions", {
        "model": "default", "messages": [{"role": "user", "content": words(generator, 2, 20)}], "max_tokens": 60,
        "tools": [TOOL], "tool_choice": "required"})
    # A model this small may go on with calls until it is cut: then there is text.
    return counted(status, answer, lambda a: 0 * len(a["choices"][0]["message"][
        "content" if a["choices"][0]["finish_reason"] == "length" else "tool_calls"]))


def messages(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/v1/messages", {
        "model": "default", "messages": [{"role": "user", "content": words(generator, 2, 20)}], "max_tokens": 8})
    return counted(status, answer, lambda a: 0 * a["usage"]["output_tokens"])


def score(ports, generator):
    status, answer = exchange(ports["generate"], "POST", "/v1/score", {
        "model": "default", "query": words(generator, 5, 30), "items": [words(generator, 1, 5) for _ in range(4)],
        "label_token_ids": [5, 6, 7], "apply_softmax": True})
    return counted(status, answer, lambda a: 0 * len(a["scores"]))


def tokens(ports, generator):
    port, text = ports["generate"], words(generator, 10, 200)
    status, answer = exchange(port, "POST", "/tokenize", {"model": "default", "prompt": text})
    if status != 200:
        return Ended(status, text=str(answer))
    status, back = exchange(port, "POST", "/detokenize", {"model": "default", "tokens": answer["tokens"]})
    return counted(status, back, lambda a: 0 if text in a["text"] else a["differs"])


def looks(ports, generator):
    """What operators and dashboards ask, of each server."""
    for port in ports.values():
        for path in ("/health", "/ready", "/metrics", "/get_server_info", "/get_model_info", "/v1/models", "/health_generate"):
            status, answer = exchange(port, "GET", path)
            if status != 200:
                return Ended(status, text=f"{path}: {answer}")
    return Ended(200)


def encode(ports, generator):
    status, answer = exchange(ports["embed"], "POST", "/encode", {"text": [words(generator, 1, 10) for _ in range(4)]})
    return counted(status, answer, lambda a: 0 * sum(len(each["embedding"]) for each in a))


def embeddings(ports, generator):
    status, answer = exchange(ports["embed"], "POST", "/v1/embeddings", {
        "model": "default", "input": words(generator, 1, 10), "encoding_format": "base64"})
    return counted(status, answer, lambda a: 0 * len(a["data"][0]["embedding"]))


def rerank(ports, generator):
    status, answer = exchange(ports["cross"], "POST", "/v1/rerank", {
        "query": words(generator, 2, 4), "documents": [words(generator, 2, 6) for _ in range(5)]})
    return counted(status, answer, lambda a: 0 * a[4]["score"])


def classify(ports, generator):
    status, answer = exchange(ports["reward"], "POST", "/classify", {"text": words(generator, 2, 12)})
    return counted(status, answer, lambda a: 0 * (a[0] if isinstance(a, list) else a)["embedding"][0])


def experts(ports, generator):
    port = ports["experts"]
    return streamed(port, "/generate", {"text": words(generator, 2, 20), "sampling_params": sampling(generator, 4, 12)})


def recorder(ports, generator):
    for verb in ("start", "stop", "dump"):
        status, answer = exchange(ports["experts"], "POST", f"/{verb}_expert_distribution_record")
        if status != 200:
            return Ended(status, text=f"{verb}: {answer}")
    return Ended(200)


# A kind's share of the requests; the last ones come a few times a minute, whatever the rate.
SHARES = {
    generate_stream: 24, chat_stream: 12, completion: 8, generate_logprobs: 6, generate_batch: 4, generate_schema: 6,
    chat_tool: 4, messages: 4, generate_and_leave: 6, generate_and_abort: 2, score: 6, tokens: 6, encode: 6,
    embeddings: 6, rerank: 6, classify: 6, experts: 6,
}
RARE = {looks: 4, recorder: 1}


def minute(count, seed=1):
    """One minute of requests, always the same: pairs of a moment in seconds and (kind, seed), in order."""
    generator = random.Random(seed)
    kinds = generator.choices(list(SHARES), list(SHARES.values()), k=count)
    plan = [((index + generator.random()) * 60 / count, (kind, generator.getrandbits(32))) for index, kind in enumerate(kinds)]
    for kind, times in RARE.items():
        plan += [((index + 0.5) * 60 / times, (kind, index)) for index in range(times)]
    return sorted(plan, key=lambda each: each[0])
