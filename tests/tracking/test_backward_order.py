"""Hooks on the nodes that may be the first of their call tell as much as hooks on every node."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any
from unittest.mock import patch

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pytest_footprint.tracking import ModTracker
from pytest_footprint.tracking.internals import ACCUMULATE_GRAD
from pytest_footprint.tracking.modules.backward_order import BackwardOrder


class Leaf(nn.Module):
    """Runs operators, none, or one that no backward goes through, on the sum of what it is given."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(2, 2) if kind == 0 else None

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        x = sum(values[1:], values[0])
        if self.linear is not None:
            x = self.linear(x)
        elif self.kind == 1:
            x = x.tanh() * x
        elif self.kind == 2:
            x = x + 1
        elif self.kind == 3:
            x = x.detach() + values[0]
        return x


class Net(nn.Module):
    """Gives each module inside one or two of the tensors that are there already."""

    def __init__(self, random: Random, depth: int) -> None:
        super().__init__()
        inside = range(random.randint(1, 5))
        self.inside = nn.ModuleList(
            Net(random, depth - 1) if depth and random.random() < 0.4 else Leaf(random.randrange(5)) for _ in inside
        )
        self.seed = random.random()

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        random, there = Random(self.seed), list(values)  # noqa: S311 - the same modules each time
        for module in self.inside:
            there.append(module(*random.choices(there, k=random.randint(1, 2))))
            if random.random() < 0.3:
                there.append(random.choice(there) + random.choice(there))
        return there[-1] + random.choice(there)


def order(seed: int, asked_for: str) -> tuple[str, ...]:
    net, x = Net(Random(seed), 2), torch.ones(2, 2, requires_grad=True)  # noqa: S311
    with ModTracker() as tracker:
        out = net(x).sum()
        if asked_for == "everything":
            out.backward()
        elif asked_for == "one":
            inputs = [*net.parameters(), x]
            torch.autograd.grad(out, inputs[seed % len(inputs)], allow_unused=True)
        else:
            (gradient,) = torch.autograd.grad(out, x, create_graph=True)
            (gradient.sum() + net(x).sum()).backward()
    return tracker.backward


def every_node(_: BackwardOrder, roots: Iterable[Any]) -> list[Any]:
    found = dict.fromkeys(roots)
    waiting = list(found)
    while waiting:
        for below, _index in waiting.pop().next_functions:
            if below is not None and below not in found and below._sequence_nr() != ACCUMULATE_GRAD:
                found[below] = None
                waiting.append(below)
    return list(found)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), asked_for=st.sampled_from(["everything", "one", "a graph"]))
def test_no_module_is_missed_and_none_comes_late(seed: int, asked_for: str) -> None:
    told = order(seed, asked_for)

    with patch.object(BackwardOrder, "_may_be_first", every_node):
        assert told == order(seed, asked_for)
