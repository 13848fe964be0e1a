"""Muon (Keller Jordan, 2024): momentum whose update is orthogonalised, for the matrices between the layers."""

from collections import defaultdict

import torch
import torch.distributed as dist


def orthogonalised(matrices, steps=5):
    """The nearest semi-orthogonal matrices, roughly, by Newton-Schulz iteration with Jordan's coefficients."""
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.float()


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are orthogonalised together, each process doing its share of them."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.02):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        rank, count = dist.get_rank(), dist.get_world_size()
        for group in self.param_groups:
            shapes = defaultdict(list)
            for parameter in group["params"]:
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(state["momentum"], group["momentum"])
                wide = update if update.shape[0] <= update.shape[1] else update.mT
                shapes[wide.shape].append((parameter, wide))
            for members in shapes.values():
                updates = torch.stack([wide for _, wide in members])
                updates[rank::count] = orthogonalised(updates[rank::count])
                for other in range(count):
                    share = updates[other::count].contiguous()
                    dist.broadcast(share, other)
                    updates[other::count] = share
                for (parameter, _), update in zip(members, updates):
                    rows, columns = parameter.shape
                    update = update if update.shape == parameter.shape else update.mT
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
