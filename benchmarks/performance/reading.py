"""From one million events to a footprint."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import torch
from figure import Figure
from models import model_of, training_step
from rounds import cpu_seconds, in_turn

from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import everything
from pytest_footprint.tracking import MemTracker

EVENTS = 1_000_000
MODULES = 161


def recorded(events: int, *, modules: int = MODULES, in_steps: bool = True) -> Trace:
    """The trace of a loop of training with that many events or a few more."""
    torch.manual_seed(0)
    model = model_of(modules)
    step = training_step(model, torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=True))
    with MemTracker() as tracker:
        while len(tracker.trace.events) < events:
            if in_steps:
                with tracker.step():
                    step()
            else:
                step()
    return tracker.trace


def reading(rounds: int) -> Iterator[Figure]:
    """Rows of the table: the same loop, measured in steps or as one stretch."""
    for in_steps, name in ((True, "in steps"), (False, "as one stretch")):
        trace = recorded(EVENTS, in_steps=in_steps)
        gc.collect()

        def read(trace: Trace = trace) -> None:
            Reading(trace).footprint(everything(trace))

        found = in_turn({name: lambda read=read: cpu_seconds(read)}, max(3, rounds // 3))  # type: ignore[misc]
        yield Figure(
            f"reading a trace of one million events into a Footprint, {name}",
            found.median(name),
            found.least(name),
            "s",
            2,
            0.5,
            samples=found.taken,
        )
