"""Trains the model for a given time and exports it.

    python train.py --work DIRECTORY --export DIRECTORY --minutes 80

The learning rate follows the time spent, so it reaches its floor when the time is up, whatever the machine's speed.
Every few minutes a checkpoint is written, from which a stopped run goes on, and the model is exported.

Work is shared between processes of one thread each, which meet once a step. On a machine that is busy with other
things this is much faster than one process of several threads, which would meet in each matrix product.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy
import torch
import torch.distributed as dist
import torch.multiprocessing

from model import Model, Shape, export
from muon import Muon

#: The rows of one step, by kind, up to and after the point `DRILL_FROM` of the time.
BATCHES = {
    "short": ["facts", "facts", "prose", "facts", "prose", "facts", "facts", "prose"] * 2,
    "long": ["facts", "prose"],
}
DRILL_BATCHES = {
    "short": ["drill", "drill", "facts", "drill", "prose", "facts", "drill", "drill"] * 2,
    "long": ["drill", "prose"],
}
DRILL_FROM = 0.68
#: Every so many steps, long rows are trained on.
LONG_EVERY = 4
WARM_UP_STEPS = 50
#: The part of the time after which the learning rate falls linearly.
DECAY_FROM = 0.4
MUON_RATE, ADAM_RATE = 0.012, 0.003
CHECKPOINT_SECONDS = 240


def rate(step, progress):
    if progress > DECAY_FROM:
        return max(0.0, 1 - progress) / (1 - DECAY_FROM)
    return min(1.0, (step + 1) / WARM_UP_STEPS)


class Rows:
    """The packed rows of one length; batches take them in order, and from the start again when they are used up."""

    def __init__(self, work, name):
        kinds = {*BATCHES[name], *DRILL_BATCHES[name]}
        self.tokens = {kind: numpy.load(work / f"{kind}-{name}-tokens.npy") for kind in kinds}
        self.learnt = {kind: numpy.load(work / f"{kind}-{name}-learnt.npy") for kind in kinds}
        self.length = self.tokens["facts"].shape[1]

    def batch(self, kinds, index, rank, count):
        """Tokens and labels, [rows, length] each, of the share of process `rank` of `count` in batch `index`."""
        tokens, learnt = [], []
        for place in range(rank, len(kinds), count):
            kind = kinds[place]
            row = index * kinds.count(kind) + kinds[:place].count(kind)
            row %= len(self.tokens[kind])
            tokens.append(self.tokens[kind][row])
            learnt.append(self.learnt[kind][row])
        tokens = torch.from_numpy(numpy.stack(tokens).astype(numpy.int64))
        labels = torch.full_like(tokens, -100)
        labels[:, :-1] = tokens[:, 1:].masked_fill(~torch.from_numpy(numpy.stack(learnt)[:, 1:]), -100)
        return tokens, labels


def average(parameters, extra):
    """Averages the gradients, and the number `extra`, over the processes; returns the averaged number."""
    flat = torch.cat([*(parameter.grad.flatten() for parameter in parameters), torch.tensor([extra])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for parameter in parameters:
        parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()
    return flat[-1].item()


def work_on(rank, arguments, rendezvous):
    dist.init_process_group("gloo", f"file://{rendezvous}", rank=rank, world_size=arguments.processes)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = Model(Shape())
    parameters = list(model.parameters())
    matrices = [parameter for parameter in model.model.layers.parameters() if parameter.dim() == 2]
    chosen = set(map(id, matrices))
    others = [parameter for parameter in parameters if id(parameter) not in chosen]
    optimizers = [
        Muon(matrices, lr=MUON_RATE),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    tokenizer_file = arguments.work / "tokenizer.json"
    checkpoint_file = arguments.work / "checkpoint.pt"
    step, counts, trained_tokens, spent = 0, {name: 0 for name in BATCHES}, 0, 0.0
    if checkpoint_file.exists():
        saved = torch.load(checkpoint_file)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        step, counts, trained_tokens, spent = saved["progress"]
    elif rank == 0:
        export(model, tokenizer_file, arguments.export)

    rows = {name: Rows(arguments.work, name) for name in BATCHES}
    rotations = {name: model.rotations(rows[name].length) for name in BATCHES}
    compiled = torch.compile(model, dynamic=False)
    budget = arguments.minutes * 60
    began, saved_at, losses = time.monotonic() - spent, time.monotonic(), []

    while spent < budget:
        name = "long" if step % LONG_EVERY == LONG_EVERY - 1 else "short"
        kinds = (BATCHES if spent < DRILL_FROM * budget else DRILL_BATCHES)[name]
        tokens, labels = rows[name].batch(kinds, counts[name], rank, arguments.processes)
        with torch.autocast("cpu", torch.bfloat16):
            loss = compiled(tokens, labels, *rotations[name])
        loss.backward()
        losses.append(average(parameters, loss.item()))
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        factor = rate(step, spent / budget)
        for optimizer, base in zip(optimizers, (MUON_RATE, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad()
        step, counts[name] = step + 1, counts[name] + 1
        trained_tokens += len(kinds) * rows[name].length
        # The first process's clock holds for all.
        clock = torch.tensor([time.monotonic() - began])
        dist.broadcast(clock, 0)
        spent = clock.item()
        if rank == 0 and step % 20 == 0:
            line = {"step": step, "tokens": trained_tokens, "seconds": round(spent), "rate": round(factor, 3)}
            print(json.dumps(line | {"loss": round(sum(losses[-20:]) / len(losses[-20:]), 4)}), flush=True)
        if rank == 0 and (time.monotonic() - saved_at > CHECKPOINT_SECONDS or spent >= budget):
            saved_at = time.monotonic()
            progress = (step, counts, trained_tokens, spent)
            state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
            torch.save(state | {"progress": progress}, checkpoint_file.with_suffix(".new"))
            checkpoint_file.with_suffix(".new").rename(checkpoint_file)
            export(model, tokenizer_file, arguments.export)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory made by data.py")
    parser.add_argument("--export", type=Path, required=True, help="model directory to write")
    parser.add_argument("--minutes", type=float, required=True, help="time to train for")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2))
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as directory:
        rendezvous = os.path.join(directory, "rendezvous")
        torch.multiprocessing.spawn(work_on, (arguments, rendezvous), nprocs=arguments.processes)


if __name__ == "__main__":
    main()
