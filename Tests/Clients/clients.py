#!/usr/bin/env python3
"""The packages that people use, against running servers. `Tests/run` makes their environment in `.build/clients`, and the
test target `EndToEndTests` starts the servers.

    clients.py CHAT_URL EMBEDDING_URL

CHAT_URL is a server of a small model with random weights, `--tool-call-parser qwen25
--constrained-json-disable-any-whitespace --max-queued-requests 64`; what such a model says means nothing, so what is
checked is that the packages understand every answer, and that answers agree with each other. Prints a line a case; the
exit status is the number of cases that failed.
"""

import asyncio
import json
import math
import sys
import time
import traceback
import typing
import urllib.request

import anthropic
import ollama
import openai
import pydantic

CHAT, EMBEDDING = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{CHAT}/v1", api_key="none", max_retries=0, timeout=60)
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"model": "m", "temperature": 0}


def chat(**settings):
    return client.chat.completions.create(messages=QUESTION, **{**GREEDY, "max_tokens": 12, **settings})


def running():
    """Requests that the scheduler runs now."""
    with urllib.request.urlopen(f"{CHAT}/get_server_info") as answer:
        return json.load(answer)["internal_states"][0]["num_running_reqs"]


def wait_until_idle():
    deadline = time.monotonic() + 20
    while running() > 0:
        assert time.monotonic() < deadline, "the request goes on without its client"
        time.sleep(0.05)


# ---------------------------------------------------------------- openai

def openai_models():
    models = client.models.list().data
    assert len(models) == 1 and client.models.retrieve(models[0].id).id == models[0].id


def openai_chat():
    answer = chat()
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    # Nothing is drawn, and what is drawn follows the seed.
    assert chat().choices[0].message.content == choice.message.content
    drawn = [chat(temperature=1, seed=seed).choices[0].message.content for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1
    assert len(chat(n=3, temperature=1).choices) == 3


def openai_stream():
    whole = chat(logprobs=True)
    stream = chat(stream=True, stream_options={"include_usage": True}, logprobs=True)
    text, tokens, usage, finish = "", [], None, None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            tokens += choice.logprobs.content if choice.logprobs else []
    assert text == whole.choices[0].message.content and finish == whole.choices[0].finish_reason
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert [t.token for t in tokens] == [t.token for t in whole.choices[0].logprobs.content]


def openai_responses():
    asked = dict(model="m", input="What is the capital of France?", temperature=0, max_output_tokens=12)
    whole = client.responses.create(**asked)
    assert whole.output_text == chat().choices[0].message.content and whole.usage.output_tokens == 12
    events = list(client.responses.create(stream=True, **asked))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    # Cut by its length.
    assert events[-1].type == "response.incomplete" and events[-1].response.status == whole.status == "incomplete"
    assert text == whole.output_text == events[-1].response.output_text


def openai_completions():
    whole = client.completions.create(prompt="The capital of France is", max_tokens=8, logprobs=2, echo=True, **GREEDY)
    choice = whole.choices[0]
    assert choice.text.startswith("The capital of France is")
    assert len(choice.logprobs.tokens) == whole.usage.total_tokens and choice.logprobs.token_logprobs[0] is None
    stream = client.completions.create(prompt="The capital of France is", max_tokens=8, stream=True, **GREEDY)
    assert "The capital of France is" + "".join(c.choices[0].text for c in stream) == choice.text
    several = client.completions.create(prompt=["a", "b"], n=2, max_tokens=2, model="m")
    assert [c.index for c in several.choices] == [0, 1, 2, 3]


def openai_logprobs():
    for token in chat(logprobs=True, top_logprobs=4).choices[0].logprobs.content:
        assert len(token.top_logprobs) == 4
        # Greedy: the best alternative is the token itself.
        assert math.isclose(token.top_logprobs[0].logprob, token.logprob)
        assert sum(math.exp(other.logprob) for other in token.top_logprobs) <= 1 + 1e-4
        assert token.bytes is not None


def openai_tools():
    city = {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"],
            "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": city}}]
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        answer = chat(tools=tools, tool_choice=choice, parallel_tool_calls=False, max_tokens=96)
        assert answer.choices[0].finish_reason == "tool_calls", answer
        call = answer.choices[0].message.tool_calls[0]
        assert call.function.name == "weather" and call.id.startswith("call_")
        assert json.loads(call.function.arguments)["city"] in ("Oslo", "Rome")
        name, arguments = "", ""
        for chunk in chat(tools=tools, tool_choice=choice, parallel_tool_calls=False, max_tokens=96, stream=True):
            for part in chunk.choices[0].delta.tool_calls or []:
                name += part.function.name or ""
                arguments += part.function.arguments or ""
        assert name == "weather" and json.loads(arguments) == json.loads(call.function.arguments)
    # The result of a call goes back.
    turns = QUESTION + [
        {"role": "assistant", "tool_calls": [call.model_dump(exclude={"index"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"},
    ]
    answer = client.chat.completions.create(messages=turns, tools=tools, max_tokens=4, **GREEDY)
    assert answer.usage.completion_tokens > 0


class Weather(pydantic.BaseModel):
    city: typing.Literal["Oslo", "Rome"]
    rains: bool
    wind: typing.Literal[0, 1, 2]


def openai_schema():
    answer = client.chat.completions.parse(messages=QUESTION, response_format=Weather, max_tokens=96, **GREEDY)
    assert isinstance(answer.choices[0].message.parsed, Weather), answer
    with client.chat.completions.stream(messages=QUESTION, response_format=Weather, max_tokens=96, **GREEDY) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.parsed == answer.choices[0].message.parsed


def openai_embeddings():
    embedder = openai.OpenAI(base_url=f"{EMBEDDING}/v1", api_key="none", max_retries=0)
    # The package asks for base64 unless told otherwise.
    vectors = [item.embedding for item in embedder.embeddings.create(model="m", input=["a cat", "a dog"]).data]
    plain = embedder.embeddings.create(model="m", input="a cat", encoding_format="float").data[0].embedding
    assert len(vectors) == 2 and len(vectors[0]) == len(plain)
    assert all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-7) for a, b in zip(vectors[0], plain))
    assert math.isclose(sum(x * x for x in plain), 1, rel_tol=1e-4)


def openai_errors():
    def fails(kind, status, call):
        try:
            call()
        except openai.APIStatusError as error:
            assert type(error) is kind and error.status_code == status, error
            assert error.message, error
        else:
            raise AssertionError(f"{kind.__name__} did not come")

    fails(openai.BadRequestError, 400, lambda: chat(temperature=-1))
    fails(openai.BadRequestError, 400, lambda: chat(max_tokens=10**6))
    fails(openai.BadRequestError, 400, lambda: chat(max_tokens=10**6, stream=True))
    fails(openai.BadRequestError, 400, lambda: client.embeddings.create(model="m", input="a"))
    fails(openai.BadRequestError, 400, lambda: client.chat.completions.create(messages=[], **GREEDY))
    fails(openai.NotFoundError, 404, lambda: client.models.retrieve("no/such/model"))
    fails(openai.NotFoundError, 404, lambda: client.moderations.create(input="a"))


def openai_cancellation():
    wait_until_idle()
    stream = chat(stream=True, max_tokens=400, extra_body={"ignore_eos": True})
    for _ in range(3):
        next(iter(stream))
    stream.close()
    wait_until_idle()

    async def leave():
        async with openai.AsyncOpenAI(base_url=f"{CHAT}/v1", api_key="none", max_retries=0) as patient:
            request = asyncio.create_task(patient.chat.completions.create(
                messages=QUESTION, max_tokens=400, extra_body={"ignore_eos": True}, **GREEDY))
            await asyncio.sleep(0.2)
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)

    asyncio.run(leave())
    wait_until_idle()


# ---------------------------------------------------------------- anthropic

def anthropic_messages():
    other = anthropic.Anthropic(base_url=CHAT, api_key="none", max_retries=0)
    asked = dict(model="m", max_tokens=8, system="Be short.", messages=QUESTION, extra_body={"temperature": 0})
    whole = other.messages.create(**asked)
    assert whole.content[0].type == "text" and whole.stop_reason in ("end_turn", "max_tokens")
    with other.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text and final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    counted = other.messages.count_tokens(model="m", system="Be short.", messages=QUESTION)
    assert counted.input_tokens == whole.usage.input_tokens
    try:
        other.messages.create(**{**asked, "max_tokens": 0})
    except anthropic.BadRequestError as error:
        assert error.body["error"]["type"] == "invalid_request_error"
    else:
        raise AssertionError("no length, no error")


# ---------------------------------------------------------------- ollama

def ollama_chat():
    other = ollama.Client(host=CHAT)
    options = {"temperature": 0, "num_predict": 8}
    whole = other.chat(model="m", messages=QUESTION, options=options)
    pieces = list(other.chat(model="m", messages=QUESTION, options=options, stream=True))
    assert "".join(p.message.content for p in pieces) == whole.message.content == chat(max_tokens=8).choices[0].message.content
    assert pieces[-1].done and pieces[-1].eval_count == whole.eval_count
    plain = other.generate(model="m", prompt="The capital of France is", options=options)
    assert "".join(p.response for p in other.generate(
        model="m", prompt="The capital of France is", options=options, stream=True)) == plain.response
    assert other.list().models[0].model and other.show("m").capabilities == ["completion"]
    assert len(ollama.Client(host=EMBEDDING).embed(model="m", input=["a", "b"]).embeddings) == 2
    try:
        other.embed(model="m", input="a")
    except ollama.ResponseError as error:
        assert error.status_code == 400 and "--is-embedding" in error.error
    else:
        raise AssertionError("a model that generates made a vector")


CASES = [
    openai_models, openai_chat, openai_stream, openai_responses, openai_completions, openai_logprobs, openai_tools, openai_schema,
    openai_embeddings, openai_errors, openai_cancellation, anthropic_messages, ollama_chat,
]

failures = 0
for case in CASES:
    try:
        case()
        print("ok", case.__name__)
    except Exception:
        failures += 1
        print("FAILED", case.__name__)
        traceback.print_exc(file=sys.stdout)
sys.exit(failures)
