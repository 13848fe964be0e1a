"""Judges an exported model: perplexity on held-out documents, and questions with known answers.

    python evaluate.py --model ../apus-mini [--work DIRECTORY]

Questions are asked in the chat template and answered greedily; an answer counts where it is the expected sentence,
character for character, followed by the end of the turn. The exit status is 1 where a floor in `FLOORS` is missed.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import relations

ARITHMETIC = {
    "addition": (relations.ADDITION, [(a, b, a + b) for a in range(11) for b in range(11)]),
    "subtraction": (relations.SUBTRACTION, [(a, b, a - b) for a in range(11) for b in range(a + 1)]),
    "multiplication": (relations.MULTIPLICATION, [(a, b, a * b) for a in range(11) for b in range(11)]),
}
#: Least accuracy on questions asked as in training and on phrasings that training never showed.
FLOORS = {"capital": (0.9, 0.8), "definition": (0.9, 0.8), "addition": (0.8, 0.7), "plain capital": (0.9,)}
SAMPLES = [
    "The capital of France is",
    "The capital of Japan is",
    "The opposite of hot is",
    "A kernel is",
    "Once upon a time",
    "The package manager",
]
CHAT_SAMPLES = [
    "What is the capital of France?",
    "What is 3 + 4?",
    "What is a kernel?",
    "Who are you?",
    "Tell me a story.",
    "Count to ten.",
]


class Judge:
    def __init__(self, directory):
        self.tokenizer = AutoTokenizer.from_pretrained(directory, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()

    @torch.inference_mode()
    def continuations(self, prompts, most=48, batch=64):
        """Greedy token lists, up to and including the end of the turn or text."""
        results = [None] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        ends = self.model.generation_config.eos_token_id
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            inputs = self.tokenizer([prompts[index] for index in chosen], return_tensors="pt", padding=True)
            output = self.model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=most,
                do_sample=False,
            )
            for index, tokens in zip(chosen, output[:, inputs["input_ids"].shape[1] :].tolist()):
                stop = next((i + 1 for i, token in enumerate(tokens) if token in ends), len(tokens))
                results[index] = tokens[:stop]
        return results

    def replies(self, questions, most=48):
        prompts = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": asked}], tokenize=False, add_generation_prompt=True
            )
            for asked in questions
        ]
        return [self.tokenizer.decode(tokens) for tokens in self.continuations(prompts, most)]

    def accuracy(self, pairs):
        replies = self.replies([asked for asked, _ in pairs])
        return sum(reply == f"{answer}<|im_end|>" for reply, (_, answer) in zip(replies, pairs)) / len(pairs)

    @torch.inference_mode()
    def losses(self, documents, longest=1024):
        """The summed loss in nats, the tokens and the bytes of UTF-8 of documents cut to `longest` tokens."""
        loss, count, size = 0.0, 0, 0
        for document in documents:
            tokens = self.tokenizer(document, return_tensors="pt", truncation=True, max_length=longest)["input_ids"]
            if tokens.shape[1] < 2:
                continue
            loss += self.model(tokens, labels=tokens).loss.item() * (tokens.shape[1] - 1)
            count += tokens.shape[1] - 1
            size += len(self.tokenizer.decode(tokens[0, 1:]).encode())
        return loss, count, size

    @torch.inference_mode()
    def perplexity_by_position(self, documents, edges=(0, 256, 1024, 2048)):
        """Perplexity within ranges of positions, on documents strung together to the model's full length."""
        text = "<|endoftext|>".join(documents)
        tokens = self.tokenizer(text, return_tensors="pt")["input_ids"][0]
        rows = tokens[: len(tokens) // edges[-1] * edges[-1]].view(-1, edges[-1])
        losses = []
        for row in rows:
            logits = self.model(row[None]).logits[0, :-1]
            losses.append(torch.nn.functional.cross_entropy(logits, row[1:], reduction="none"))
        mean = torch.stack(losses).mean(0)
        return {f"{a}-{b}": math.exp(mean[a : b - 1].mean()) for a, b in zip(edges, edges[1:])}


def questions():
    """Per relation its question forms and the fields of every row."""
    countries = [relations.country_fields(row) for row in relations.COUNTRIES]
    elements = [relations.element_fields(row) for row in relations.ELEMENTS]
    yield "capital", relations.CAPITAL, countries
    yield "country of a capital", relations.COUNTRY_OF, countries
    yield "continent", relations.CONTINENT, countries
    yield "currency", relations.CURRENCY, countries
    yield "language", relations.LANGUAGE, countries
    yield "definition", relations.DEFINITION, [relations.definition_fields(row) for row in relations.DEFINITIONS]
    yield "element symbol", relations.SYMBOL, elements
    yield "atomic number", relations.ATOMIC_NUMBER, elements
    yield "opposite", relations.OPPOSITE, relations.OPPOSITES
    for name, (relation, rows) in ARITHMETIC.items():
        yield name, relation, [dict(zip("ab", row)) | {"result": row[2]} for row in rows]


def judge_facts(judge):
    results = {}
    for name, (seen, held_out, answer), rows in questions():
        results[name] = [
            judge.accuracy([relations.finish(templates[0], answer, row) for row in rows])
            for templates in (seen, held_out)
        ]
        print(f"{name}: {results[name][0]:.3f} as trained, {results[name][1]:.3f} in a held-out phrasing", flush=True)
    results["trivia"] = [judge.accuracy([(row["question"], row["statement"]) for row in relations.TRIVIA])]
    print(f"trivia: {results['trivia'][0]:.3f}")
    prompts = [f"The capital of {row['country']} is" for row in relations.COUNTRIES]
    texts = [judge.tokenizer.decode(tokens) for tokens in judge.continuations(prompts, most=12)]
    right = sum(text.startswith(f" {row['capital']}") for text, row in zip(texts, relations.COUNTRIES))
    results["plain capital"] = [right / len(prompts)]
    print(f"plain capital: {results['plain capital'][0]:.3f}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="directory made by data.py, for the held-out documents")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    judge = Judge(arguments.model)
    print(f"{sum(parameter.numel() for parameter in judge.model.parameters())} parameters")

    if arguments.work:
        held_out = json.loads((arguments.work / "held-out.json").read_text())
        sums = {name: judge.losses(documents) for name, documents in held_out.items() if documents}
        sums["all"] = tuple(map(sum, zip(*sums.values())))
        for name, (loss, count, size) in sums.items():
            perplexity, bits = math.exp(loss / count), loss / math.log(2) / size
            print(f"{name}: perplexity {perplexity:.1f}, {bits:.3f} bits per byte, {count} tokens", flush=True)
        prose = [document for name, documents in held_out.items() if name != "wordnet-base" for document in documents]
        for positions, perplexity in judge.perplexity_by_position(prose).items():
            print(f"positions {positions}: perplexity {perplexity:.1f}", flush=True)

    for prompt in SAMPLES:
        (tokens,) = judge.continuations([prompt], most=48)
        print(f"{prompt!r} -> {judge.tokenizer.decode(tokens)!r}")
    for asked, reply in zip(CHAT_SAMPLES, judge.replies(CHAT_SAMPLES, most=96)):
        print(f"{asked!r} -> {reply!r}")

    results = judge_facts(judge)
    missed = [
        f"{name}: {value:.3f} is below {floor}"
        for name, floors in FLOORS.items()
        for value, floor in zip(results[name], floors)
        if value < floor
    ]
    print("\n".join(missed) or "every floor is met")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
