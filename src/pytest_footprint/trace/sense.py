"""Whether a trace that comes from outside makes sense: every number in it must be one of a row that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_footprint.trace.events import CODE_BITS, Event, Phase, Sharding
from pytest_footprint.trace.labels import KINDS
from pytest_footprint.trace.moment import columns
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.recorded import Recorded, Take
from pytest_footprint.trace.trace import Trace

_TOGETHER = (
    ("nbytes", "device", "op", "scope", "phase", "layout", "source"),
    ("resized_storage", "resized_to"),
    ("module_class", "module_attribute", "module_parent", "module_number"),
    ("call_module", "call_parent", "call_phase", "call_inputs", "call_outputs"),
    ("mark_thread", "mark_sequence", "mark_scope"),
    ("node_thread", "node_sequence", "node_storage"),
    ("label_storage", "label_type", "label_module"),
    ("saved_graph", "saved_thread", "saved_sequence", "saved_storage", "saved_layout"),
    ("inside_place", "inside_op", "inside_device", "inside_bytes", "inside_hidden"),
    ("measured_first", "measured_last", "measured_device", "measured_allocated", "measured_reserved"),
    ("sharding_what", "sharding_group"),
    ("group_number", "group_module"),
)
"""Columns that have a value for each row of the same thing."""

_SIZES = ("nbytes", "resized_to")
_BELOW_ZERO = 1 << 63
"""What a number below 0 reads as in a column that is unsigned."""


def problem_with(recorded: Recorded) -> str:
    """What is wrong first; ``""`` when nothing is."""
    trace = recorded.trace
    found = (
        *_uneven({name: len(column) for name, column in columns(trace).items()}),
        *_out_of_range(trace),
        *_events(trace),
        *(problem for take in recorded.takes for problem in _take(trace, take)),
    )
    return next(iter(found), "")


def _uneven(rows: dict[str, int]) -> Iterator[str]:
    for group in _TOGETHER:
        if len({rows[name] for name in group}) > 1:
            yield f"columns of different length: {', '.join(f'{name} {rows[name]}' for name in group)}"


def _out_of_range(trace: Trace) -> Iterator[str]:
    storages, modules, calls, nodes = (
        len(each) for each in (trace.nbytes, trace.module_class, trace.call_module, trace.node_thread)
    )
    devices, ops, layouts = len(trace.devices.keys), len(trace.ops.keys), len(trace.layouts.keys)
    scopes = (-1 - nodes, calls)
    ranges = {
        "device": (0, devices),
        "op": (-1, ops),
        "scope": scopes,
        "phase": (0, len(Phase)),
        "layout": (0, layouts),
        "source": (-1, len(trace.sources.keys)),
        "resized_storage": (0, storages),
        "call_module": (0, modules),
        "call_parent": scopes,
        "call_phase": (0, len(Phase)),
        "mark_scope": scopes,
        "node_storage": (-1, storages),
        "label_storage": (0, storages),
        "label_type": (0, len(KINDS)),
        "label_module": (-1, modules),
        "saved_storage": (0, storages),
        "saved_layout": (0, layouts),
        "inside_op": (0, ops),
        "inside_device": (0, devices),
        "sharding_what": (0, len(Sharding)),
        "sharding_group": (0, len(set(trace.group_number))),
        "group_module": (0, modules),
    }
    for name, (lowest, end) in ranges.items():
        yield from _outside(name, getattr(trace, name), lowest, end)
    groups = list(dict.fromkeys(trace.group_number))
    if groups != list(range(len(groups))):
        yield "column 'group_number' does not count from 0 up"
    for name in _SIZES:
        if max(getattr(trace, name), default=0) >= _BELOW_ZERO:
            yield f"column {name!r} has a size below 0"


def _outside(name: str, column: Sequence[int], lowest: int, end: int) -> Iterator[str]:
    if column and not lowest <= min(column) <= max(column) < end:
        yield f"column {name!r} has numbers from {min(column)} to {max(column)}, and there are {end}"


def _events(trace: Trace) -> Iterator[str]:
    rows = {
        Event.BORN: len(trace.nbytes),
        Event.FREED: len(trace.nbytes),
        Event.RESIZED: len(trace.resized_to),
        Event.ENTER: len(trace.call_module),
        Event.EXIT: len(trace.call_module),
        Event.NODE: len(trace.node_thread),
        Event.MARK: len(trace.marks),
        Event.SHARDING: len(trace.sharding_what),
    }
    places, known = Places(trace.events), frozenset(Event)
    if not set(places.codes) <= known:
        yield "it has events that this version does not know"
    for code, end in rows.items():
        arguments = [event >> CODE_BITS for _, event in places.events(code)]
        yield from _outside(f"events, {code.name}", arguments, 0, end)


def _take(trace: Trace, take: Take) -> Iterator[str]:
    window, rows, name = take.moment.window, take.moment.rows, take.name
    if any(not 0 <= rows[column] <= len(found) for column, found in columns(trace).items()):
        yield f"footprint {name!r} has more rows than the columns"
    yield from _uneven(dict(rows))
    moments = (0, window.first, window.last_step, *window.ends[-1:], window.last)
    if list(moments) != sorted(moments) or window.last > rows["events"] or window.steps < 1:
        yield f"footprint {name!r} is about events {window.first} to {window.last}, and there are {rows['events']}"
    if list(window.ends) != sorted(window.ends) or any(end <= window.first for end in window.ends[1:]):
        yield f"footprint {name!r} has steps that end before they begin"
    yield from _outside(f"module_parent of {name}", take.moment.module_parent, -1, rows["module_class"])
    if _goes_round(take.moment.module_parent):
        yield f"footprint {name!r} has a module that is inside itself"


def _goes_round(parents: Sequence[int]) -> bool:
    fine: set[int] = set()
    for module in range(len(parents)):
        path, above = [], module
        while 0 <= above < len(parents) and above not in fine:
            path.append(above)
            above = parents[above]
            if len(path) > len(parents):
                return True
        fine.update(path)
    return False
