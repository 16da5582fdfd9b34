"""A trace as it stood when a footprint was read from it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_footprint.trace.events import CODE_BITS, Event
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Names, Trace
from pytest_footprint.trace.window import Window


@dataclass(frozen=True, slots=True)
class Moment:
    """What it takes to read the same footprint again, however much was recorded since.

    Rows are only ever appended, so the first rows of each column are the trace as it was. What is written later into a
    row that is there already is told here (a module finds its parent), or follows from the events (a call's outputs).
    """

    window: Window
    judged: int | None
    """Only deaths among the first so many events count for what a tensor was; None: all of them."""
    rows: Mapping[str, int]
    """Column -> how many rows it had."""
    module_parent: tuple[int, ...]
    module_attribute: tuple[str, ...]


def moment(reading: Reading, window: Window, judged: int | None = None) -> Moment:
    """The moment of ``reading``; ``judged`` as `Reading` was given it."""
    trace = reading.trace
    rows = {name: len(column) for name, column in columns(trace).items()}
    rows["events"] = len(reading.places)  # a storage may have died since they were looked at
    return Moment(window, judged, rows, tuple(trace.module_parent), tuple(trace.module_attribute))


def columns(trace: Trace) -> Mapping[str, array[int] | list[str]]:
    """The columns of a trace by name, whichever there are."""
    return {name: column for name, column in vars(trace).items() if isinstance(column, array | list)}


def names(trace: Trace) -> Mapping[str, Names[str]]:
    """The tables of a trace that give numbers to strings, by name."""
    return {
        name: table for name, table in vars(trace).items() if isinstance(table, Names) and table is not trace.layouts
    }


def trace_at(trace: Trace, then: Moment) -> Trace:
    """The trace as it stood then; tables of names are shared."""
    earlier = Trace()
    for name, column in columns(trace).items():
        setattr(earlier, name, column[: then.rows[name]])
    for name, table in names(trace).items():
        setattr(earlier, name, table)
    earlier.layouts = trace.layouts
    earlier.module_parent = array(trace.module_parent.typecode, then.module_parent)
    earlier.module_attribute = list(then.module_attribute)
    running = set(range(len(earlier.call_outputs)))
    running.difference_update(event >> CODE_BITS for _, event in Places(earlier.events).events(Event.EXIT))
    for call in running:
        earlier.call_outputs[call] = 0
    return earlier


def reading_at(trace: Trace, then: Moment) -> Reading:
    """A reading of the trace as it stood then."""
    return Reading(trace_at(trace, then), then.judged)
