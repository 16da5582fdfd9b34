"""The models that are stepped: so small that the work on tensors is next to nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

WIDTH = 8
MODULES_IN_A_BLOCK = 5


class Block(nn.Module):
    """A transformer's feed-forward block: five modules, five operators: norm, linear, gelu, linear, addition."""

    def __init__(self, hidden: int = WIDTH) -> None:
        super().__init__()
        self.norm, self.up = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, hidden)
        self.act, self.down = nn.GELU(), nn.Linear(hidden, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.down(self.act(self.up(self.norm(x))))
        return out


def model_of(modules: int, *, alike: bool = True) -> nn.Module:
    """A root with as many blocks as make ``modules`` modules, all alike or each wider than the one before."""
    blocks = (modules - 1) // MODULES_IN_A_BLOCK
    return nn.Sequential(*[Block(WIDTH if alike else WIDTH + number) for number in range(blocks)])


def batch() -> torch.Tensor:
    return torch.randn(4, WIDTH)


def training_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Forward, backward, optimizer step."""
    x = batch()

    def step() -> None:
        model(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
