"""Steps under our MemTracker, under torch's, and under a dispatch mode that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from figure import Figure
from models import model_of, training_step
from rounds import Rounds, cpu_seconds, in_turn
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint.tracking import MemTracker

EMPTY, OURS, LINES, TORCHS = "empty mode", "MemTracker(source_lines=False)", "MemTracker()", "torch's MemTracker"
Contexts = dict[str, Callable[[], AbstractContextManager[object]]]


class EmptyMode(TorchDispatchMode):
    """The least that a tracker of this kind can cost."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class CountingMode(TorchDispatchMode):
    """Counts the operators that a dispatch mode sees."""

    operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += 1
        return func(*args, **(kwargs or {}))


def operators_in(step: Callable[[], object]) -> int:
    with CountingMode() as mode:
        step()
    return mode.operators


def second_step(make: Callable[[], AbstractContextManager[object]], step: Callable[[], object]) -> float:
    """CPU seconds of the second step within the context: in the first one a tracker meets the model."""
    with make() as entered:
        step()
        if hasattr(entered, "reset_mod_stats"):
            entered.reset_mod_stats()  # torch's tracker asks for it between steps
        return cpu_seconds(step)


def rounds_of(modules: int, rounds: int, contexts: Contexts, make: Callable[..., Optimizer] = SGD) -> Rounds:
    """Steps of a model of that size under each context in turn."""
    torch.manual_seed(0)
    model = model_of(modules)
    optimizer = make(model.parameters(), lr=1e-3, foreach=True)
    step = training_step(model, optimizer)
    named = {name: partial(second_step, partial(enter, model, optimizer), step) for name, enter in contexts.items()}
    return in_turn(named, rounds)


def torchs_mem_tracker(model: nn.Module, optimizer: Optimizer) -> AbstractContextManager[object]:
    from torch.distributed._tools.mem_tracker import MemTracker as TorchMemTracker  # noqa: PLC0415 - a second to import

    tracker: Any = TorchMemTracker()
    tracker.track_external(model, optimizer)
    return tracker  # type: ignore[no-any-return]


_CONTEXTS: Contexts = {
    EMPTY: lambda *_: EmptyMode(),
    OURS: lambda *_: MemTracker(source_lines=False),
    LINES: lambda *_: MemTracker(),
}


def steps(rounds: int) -> Iterator[Figure]:
    """Rows of the table: the step at three sizes."""
    at = {modules: rounds_of(modules, rounds, _CONTEXTS) for modules in (81, 321, 2561)}
    torchs = {
        modules: rounds_of(modules, 2, {EMPTY: _CONTEXTS[EMPTY], TORCHS: torchs_mem_tracker}) for modules in (81, 321)
    }
    by_size = {modules: found.ratio(TORCHS, EMPTY)[0] for modules, found in torchs.items()}
    for modules, found in at.items():
        reach, dream = (1.35, 1.15) if modules == 321 else (None, None)  # noqa: PLR2004 - the size that is promised
        shown = f"{by_size[modules]:.0f}" if modules in by_size else "-"
        name = f"step under MemTracker without file:line / under an empty mode, {modules} modules"
        samples = {f"{key}, {modules} modules": taken for key, taken in found.taken.items()}
        yield Figure(name, *found.ratio(OURS, EMPTY), "", reach, dream, shown, samples)
    small, large = at[81].ratio(OURS, EMPTY), at[2561].ratio(OURS, EMPTY)
    grown = f"{by_size[321] / by_size[81]:.1f} already at 321"
    yield Figure(
        "the same ratio at 2561 / at 81 modules", large[0] / small[0], large[1] / small[1], "", 1.1, 1.0, grown
    )
    for modules, found in at.items():
        reach, dream = (1.6, 1.3) if modules == 321 else (None, None)  # noqa: PLR2004 - the size that is promised
        yield Figure(f"step with file:line, {modules} modules", *found.ratio(LINES, EMPTY), "", reach, dream)


def adamw(rounds: int) -> Iterator[Figure]:
    """The same with an optimizer that keeps states and makes lists of temporaries."""
    found = rounds_of(321, rounds, _CONTEXTS, AdamW)
    yield Figure("step with AdamW without file:line, 321 modules", *found.ratio(OURS, EMPTY))
    yield Figure("step with AdamW with file:line, 321 modules", *found.ratio(LINES, EMPTY))
