"""Work is counted, not timed: counts are the same on every machine and however busy it is."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import pytest_footprint
from pytest_footprint.tracking import MemTracker

_OURS = str(Path(pytest_footprint.__file__).parent)


class _Counting(TorchDispatchMode):
    operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += 1
        return func(*args, **(kwargs or {}))


def _training(blocks: int) -> Callable[[], None]:
    model = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4)) for _ in range(blocks)])
    optimizer, x = torch.optim.SGD(model.parameters(), lr=0.1, foreach=True), torch.ones(2, 4)

    def step() -> None:
        model(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _operators(step: Callable[[], None]) -> int:
    with _Counting() as mode:
        step()
    return mode.operators


def _calls(work: Callable[[], object], *, ours: bool) -> int:
    """How many Python functions run, of this package alone or of all."""
    found = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal found
        if event == "call" and (not ours or frame.f_code.co_filename.startswith(_OURS)):
            found += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return found


@pytest.mark.parametrize("blocks", [5, 80], ids=["21 modules", "321 modules"])
def test_recording_an_operator_takes_few_calls_and_events_however_large_the_model(blocks: int) -> None:
    step = _training(blocks)
    operators = _operators(step)

    with MemTracker() as tracker:
        step()
        before = len(tracker.trace.events)
        calls = _calls(step, ours=True)
        events = len(tracker.trace.events) - before

    assert events / operators < 2.5
    assert calls / operators < 20


def test_a_recorded_operator_takes_below_a_hundred_bytes() -> None:
    step = _training(20)
    operators = 20 * _operators(step)

    with MemTracker() as tracker:
        for _ in range(20):
            step()

    columns = [each for each in vars(tracker.trace).values() if hasattr(each, "itemsize")]
    assert sum(len(column) * column.itemsize for column in columns) / operators < 100


def test_a_small_tracked_test_takes_few_python_calls() -> None:
    step = _training(1)

    def tracked() -> None:
        with MemTracker() as tracker:
            step()
            tracker.footprint()

    tracked()

    assert _calls(tracked, ours=False) < 3_000


def test_of_each_further_step_everything_alive_is_looked_through_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = {"collect": 0, "get_objects": 0}
    for name in looks:
        real = getattr(gc, name)

        def counted(*args: object, name: str = name, real: Callable[..., object] = real) -> object:
            looks[name] += 1
            return real(*args)

        monkeypatch.setattr(gc, name, counted)
    step, tracker = _training(1), MemTracker()

    with tracker:
        before = dict(looks)
        tracker.run(step, steps=6)

    # Garbage of before the first step, and what each step leaves; the graphs that still wait after each.
    assert looks == {"collect": before["collect"] + 1 + 6, "get_objects": before["get_objects"] + 6}
