"""The modules of random programs: each maps rows of `WIDTH` to as many rows of `WIDTH`."""

from __future__ import annotations

from typing import Any

import torch
from programs import WIDTH
from torch import nn


class Recurrent(nn.Module):
    """An LSTM or GRU over the rows."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cell(x.unsqueeze(0))[0][0]


class Attending(nn.Module):
    """Attention of the rows to themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x)[0]


class Embedding(nn.Module):
    """A table, read by the position of the largest entry of each row."""

    def __init__(self, *, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(WIDTH, WIDTH, sparse=sparse)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.table(x.argmax(1)) + x


class Convolution(nn.Module):
    """A convolution along each row, then a norm with running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 2, 3, padding=1), nn.BatchNorm1d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x.unsqueeze(1))).mean(1)


class Failing(nn.Module):
    """Fails in its forward, or in its backward."""

    def __init__(self, *, backward: bool) -> None:
        super().__init__()
        self.inner, self.backward = nn.Linear(WIDTH, WIDTH), backward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inner(x)
        if not self.backward:
            raise ArithmeticError
        x.register_hook(self._fail)
        return x * 2

    def _fail(self, gradient: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError


MODULES: tuple[Any, ...] = (
    lambda: nn.Linear(WIDTH, WIDTH),
    lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=True), nn.Linear(WIDTH, WIDTH)),
    lambda: nn.LayerNorm(WIDTH),
    lambda: nn.BatchNorm1d(WIDTH),
    nn.Dropout,
    lambda: Recurrent(nn.LSTM(WIDTH, WIDTH)),
    lambda: Recurrent(nn.GRU(WIDTH, WIDTH)),
    Attending,
    lambda: Embedding(sparse=False),
    lambda: Embedding(sparse=True),
    Convolution,
    lambda: nn.TransformerEncoderLayer(WIDTH, 2, WIDTH),
    lambda: nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)),
    lambda: Failing(backward=False),
    lambda: Failing(backward=True),
)
"""Each makes one."""
