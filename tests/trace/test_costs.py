from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from traces import Writer

from pytest_footprint.trace.events import Event
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import everything


def _training(steps: int, *, marked: bool) -> Trace:
    """Steps of ten modules, each with a forward and a node of the backward."""
    writer = Writer()
    writer.enter(0)
    for _ in range(10):
        writer.enter(0)
        writer.exit()
    writer.exit()
    for graph in range(steps):
        if marked:
            writer.event(Event.STEP_BEGIN)
        writer.enter(0)
        for child in range(1, 11):
            writer.enter(1 + 30 * child)
            writer.born(1000, 0)
            _saved(writer.trace, graph)
            writer.exit()
        writer.exit()
        writer.backward([100] * 10)
        while writer.alive:
            writer.free(0)
        if marked:
            writer.event(Event.STEP_END)
    return writer.trace


def _saved(trace: Trace, graph: int) -> None:
    """The latest storage is held by a node of that graph."""
    trace.saved_graph.append(graph)
    trace.saved_thread.append(0)
    trace.saved_sequence.append(0)
    trace.saved_storage.append(len(trace.nbytes) - 1)
    trace.saved_layout.append(trace.layout[-1])


def _lines(trace: Trace) -> int:
    """How many lines of Python run to read it."""
    found = 0

    def note(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal found
        found += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        Reading(trace).footprint(everything(trace))
    finally:
        sys.settrace(before)
    return found


def test_reading_grows_with_the_events_and_no_faster() -> None:
    for marked in (False, True):
        short, long = _training(30, marked=marked), _training(120, marked=marked)

        few, many = _lines(short), _lines(long)

        assert len(long.events) > 3.5 * len(short.events)
        assert many < 4.1 * few
        assert many < 45 * len(long.events)
