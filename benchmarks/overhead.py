"""What tracking adds to each operator: an empty dispatch mode, ours and torch's, in turn, on models of two sizes.

python benchmarks/overhead.py
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from tabulate import tabulate
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint.tracking import MemTracker

MODULES = (21, 1281)
PAIRS = 9


class EmptyMode(TorchDispatchMode):
    """The least that a tracker of this kind can cost."""

    operators = 0
    """Of all steps so far."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        EmptyMode.operators += 1
        return func(*args, **(kwargs or {}))


def model_of(modules: int) -> nn.Module:
    """A root with pairs of small linear layers and activations."""
    layers = [each for _ in range((modules - 1) // 2) for each in (nn.Linear(8, 8), nn.ReLU())]
    return nn.Sequential(*layers)


def torchs_tracker() -> AbstractContextManager[object]:
    from torch.distributed._tools.mem_tracker import MemTracker as TorchMemTracker  # noqa: PLC0415 - a second to import

    tracker: AbstractContextManager[object] = TorchMemTracker()
    return tracker


def seconds(context: AbstractContextManager[object], step: Callable[[], object]) -> float:
    """How long the second step takes: the first one meets the model."""
    with context as entered:
        step()
        if isinstance(entered, TorchDispatchMode) and hasattr(entered, "reset_mod_stats"):
            entered.reset_mod_stats()  # torch's tracker asks for it between steps
        began = time.perf_counter()
        step()
        return time.perf_counter() - began


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for modules in MODULES:
        model, x = model_of(modules), torch.randn(4, 8)

        def step(model: nn.Module = model, x: torch.Tensor = x) -> None:
            model(x).sum().backward()

        contexts: dict[str, Callable[[], AbstractContextManager[object]]] = {
            "nothing": contextlib.nullcontext,
            "empty mode": EmptyMode,
            "ours": lambda: MemTracker(source_lines=False),
            "ours, with file:line": MemTracker,
        }
        EmptyMode.operators = 0
        seconds(EmptyMode(), step)
        operators = EmptyMode.operators // 2
        times: dict[str, list[float]] = {name: [] for name in contexts}
        for _ in range(PAIRS):
            for name, make in contexts.items():
                times[name].append(seconds(make(), step))
        times["torch's"] = [seconds(torchs_tracker(), step)]
        bare = statistics.median(times["nothing"])
        empty = statistics.median(times["empty mode"])
        for name, measured in times.items():
            median = statistics.median(measured)
            rows.append(
                [
                    modules,
                    name,
                    f"{median * 1e3:.1f}",
                    f"{min(measured) * 1e3:.1f}",
                    f"{(median - bare) / operators * 1e6:.1f}",
                    f"{median / empty:.2f}",
                ]
            )
    headers = ["modules", "under", "median, ms", "min, ms", "us an operator", "to empty mode"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
