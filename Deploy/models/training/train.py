"""Trains the model for a given time and exports it.

    python train.py --work DIRECTORY --minutes 70 --export DIRECTORY

The learning rate follows the time spent, so it reaches its floor when the time is up, whatever the machine's speed.
Every few minutes a checkpoint is written, from which a stopped run goes on, and the model is exported.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy
import torch

from model import Model, Shape, export

ROWS = {"short": 16, "long": 2}
#: Every so many steps, a batch of long rows is trained on.
LONG_EVERY = 4
WARM_UP_STEPS = 50
#: The part of the time after which the learning rate falls linearly.
DECAY_FROM = 0.4
MUON_RATE, ADAM_RATE = 0.012, 0.003
CHECKPOINT_SECONDS = 240


def orthogonalised(matrices, steps=5):
    """The nearest semi-orthogonal matrices, by Newton-Schulz iteration with Keller Jordan's coefficients (Muon)."""
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.float()


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for the matrices of the layers. Equal shapes are handled at once."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.02):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = defaultdict(list)
            for parameter in group["params"]:
                state = self.state[parameter]
                buffer = state.setdefault("momentum", torch.zeros_like(parameter))
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(buffer, group["momentum"])
                wide = update if update.shape[0] <= update.shape[1] else update.mT
                shapes[wide.shape].append((parameter, wide))
            for members in shapes.values():
                updates = orthogonalised(torch.stack([wide for _, wide in members]))
                for (parameter, _), update in zip(members, updates):
                    rows, columns = parameter.shape
                    update = update if update.shape == parameter.shape else update.mT
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)


def rate(step, progress):
    if progress > DECAY_FROM:
        return max(0.0, 1 - progress) / (1 - DECAY_FROM)
    return min(1.0, (step + 1) / WARM_UP_STEPS)


class Rows:
    """Batches of packed rows, in order, from the start again when they are used up."""

    def __init__(self, work, name):
        self.tokens = numpy.load(work / f"{name}-tokens.npy").astype(numpy.int64)
        self.learnt = numpy.load(work / f"{name}-learnt.npy")
        self.count = ROWS[name]

    def batch(self, index):
        rows = numpy.arange(index * self.count, (index + 1) * self.count) % len(self.tokens)
        tokens = torch.from_numpy(self.tokens[rows])
        labels = torch.full_like(tokens, -100)
        labels[:, :-1] = tokens[:, 1:].masked_fill(~torch.from_numpy(self.learnt[rows][:, 1:]), -100)
        return tokens, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory made by data.py")
    parser.add_argument("--export", type=Path, required=True, help="model directory to write")
    parser.add_argument("--minutes", type=float, required=True, help="time to train for")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)

    model = Model(Shape())
    matrices = [parameter for parameter in model.model.layers.parameters() if parameter.dim() == 2]
    chosen = set(map(id, matrices))
    others = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    optimizers = [
        Muon(matrices, lr=MUON_RATE),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    tokenizer_file = arguments.work / "tokenizer.json"
    checkpoint_file = arguments.work / "checkpoint.pt"
    step, counts, trained_tokens, spent = 0, {"short": 0, "long": 0}, 0, 0.0
    if checkpoint_file.exists():
        saved = torch.load(checkpoint_file)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        step, counts, trained_tokens, spent = saved["progress"]
        print(f"going on at step {step}", flush=True)
    else:
        export(model, tokenizer_file, arguments.export)

    rows = {name: Rows(arguments.work, name) for name in ROWS}
    rotations = {name: model.rotations(rows[name].tokens.shape[1]) for name in ROWS}
    compiled = torch.compile(model, dynamic=False)
    budget = arguments.minutes * 60
    began, saved_at, losses = time.monotonic() - spent, time.monotonic(), []

    while spent < budget:
        name = "long" if step % LONG_EVERY == LONG_EVERY - 1 else "short"
        tokens, labels = rows[name].batch(counts[name])
        with torch.autocast("cpu", torch.bfloat16):
            loss = compiled(tokens, labels, *rotations[name])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        factor = rate(step, spent / budget)
        for optimizer, base in zip(optimizers, (MUON_RATE, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        step, counts[name], trained_tokens = step + 1, counts[name] + 1, trained_tokens + tokens.numel()
        spent = time.monotonic() - began
        if step % 20 == 0:
            line = {"step": step, "tokens": trained_tokens, "seconds": round(spent), "rate": round(factor, 3)}
            print(json.dumps(line | {"loss": round(sum(losses) / len(losses), 4)}), flush=True)
            losses = []
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS or spent >= budget:
            saved_at = time.monotonic()
            progress = (step, counts, trained_tokens, spent)
            state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
            torch.save(state | {"progress": progress}, checkpoint_file.with_suffix(".new"))
            checkpoint_file.with_suffix(".new").rename(checkpoint_file)
            export(model, tokenizer_file, arguments.export)


if __name__ == "__main__":
    main()
