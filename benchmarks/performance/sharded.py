"""A step of a Llama of 6.7 billion parameters, sharded over 64 ranks, none of which exists."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from figure import Figure
from llama import LAYERS, Llama
from rounds import Rounds, in_turn
from steps import EmptyMode, second_step
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore

from pytest_footprint.tracking import FSDPMemTracker

RANKS = 64
BARE, EMPTY, OURS, TORCHS = "bare", "empty mode", "FSDPMemTracker", "torch's FSDPMemTracker"


def _torchs(model: Any, optimizer: Any) -> AbstractContextManager[object]:
    from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker as Theirs  # noqa: PLC0415 - slow to import

    tracker: Any = Theirs(model, optimizer)
    return tracker  # type: ignore[no-any-return]


def _measure(rounds: int) -> tuple[Rounds, float]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=RANKS)
    try:
        mesh = init_device_mesh("cpu", (RANKS,))  # outside FakeTensorMode: it holds real numbers
        with FakeTensorMode():
            model = Llama()
            parameters = sum(each.numel() for each in model.parameters())
            for layer in model.layers:
                fully_shard(layer, mesh=mesh)
            fully_shard(model, mesh=mesh)
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, foreach=True)
            tokens = torch.zeros(1, 2048, dtype=torch.long)

            def step() -> None:
                model(tokens).sum().backward()
                optimizer.step()
                optimizer.zero_grad()

            contexts: dict[str, Callable[[], AbstractContextManager[object]]] = {
                BARE: nullcontext,
                EMPTY: EmptyMode,
                OURS: lambda: FSDPMemTracker(model, optimizer),
                TORCHS: lambda: _torchs(model, optimizer),
            }
            measures = {name: partial(second_step, make, step) for name, make in contexts.items()}
            return in_turn(measures, rounds), parameters
    finally:
        dist.destroy_process_group()


def sharded(rounds: int) -> Iterator[Figure]:
    """Rows of the table: tracked by bare."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about names that it has deprecated and still uses
        found, parameters = _measure(max(3, rounds // 3))
    name = f"FakeTensorMode step, {parameters / 1e9:.1f} B parameters, {LAYERS} layers, FSDP over {RANKS} fake ranks"
    torchs = f"{found.ratio(TORCHS, BARE)[0]:.1f}"
    yield Figure(f"{name}, tracked / bare", *found.ratio(OURS, BARE), "", 1.3, 1.1, torchs, found.taken)
    yield Figure("the same under an empty mode / bare: the floor", *found.ratio(EMPTY, BARE))
