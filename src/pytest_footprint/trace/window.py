"""The stretch of a recording that a footprint is about."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.trace.events import Event
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.trace import Trace


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of events: ``first`` and up, before ``last``, of which the last step begins at ``last_step``."""

    first: int
    last: int
    last_step: int
    steps: int
    ends: tuple[int, ...] = ()
    """For each step the event that is the first one after it."""


def steps_window(trace: Trace, *, since: int = 0, skip: int = 0) -> Window | None:
    """The steps that were taken since event ``since`` but for the first ``skip``; None where there was none."""
    places = Places(trace.events)
    begins = places.of(Event.STEP_BEGIN, first=since)
    ends = [place + 1 for place in places.of(Event.STEP_END, first=since)]
    begins, ends = begins[skip:], ends[skip:]
    if not ends:
        return None
    return Window(begins[0], ends[-1], begins[len(ends) - 1], len(ends), tuple(ends))


def everything(trace: Trace, events: int | None = None) -> Window:
    """All that was recorded, or its first ``events``, as one step or as the steps that it was taken in."""
    steps = steps_window(trace)
    last = len(trace.events) if events is None else events
    return Window(0, last, steps.last_step, steps.steps, steps.ends) if steps else Window(0, last, 0, 1, (last,))
