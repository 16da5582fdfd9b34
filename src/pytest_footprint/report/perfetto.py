"""Lifetimes in the Trace Event Format, which ui.perfetto.dev and chrome://tracing open.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_footprint.model.lifetimes import Lifetime, Lifetimes, Span

_PROGRAM = 1
"""The process whose threads are what ran; those above it are devices."""

_COUNTER = '{"ph":"C","pid":%d,"ts":%d,"name":"%s","args":{"bytes":%d}}'
"""Written by hand: there may be a million of them, and `json` takes ten times as long."""

_ABOUT = "no times were recorded: 1 us is one event (a tensor born or freed, a module entered or left ...)"


def perfetto_text(lifetimes: Lifetimes, title: str) -> str:
    """JSON with a counter for each device and reference type, a slice for each span and an instant for each mark.

    Args:
        lifetimes: what to show.
        title: names the program, as the node id of a test.
    """
    rows = (*map(_compact, _rows(lifetimes, title)), *_memory(lifetimes))
    about = {"title": title, "time": _ABOUT, "first_event": lifetimes.first, "counters": "bytes"}
    head = f'{{"displayTimeUnit":"ms","otherData":{json.dumps(about)},"traceEvents":[\n'
    return head + ",\n".join(rows) + "\n]}\n"


def _rows(lifetimes: Lifetimes, title: str) -> Iterator[dict[str, Any]]:
    start = lifetimes.first - 1  # the moment of what is older: nothing comes before it
    yield _name("process_name", _PROGRAM, title or "program")
    for number, lane in enumerate(lanes(lifetimes.spans), 1):
        yield _name("thread_name", _PROGRAM, "modules and steps" + (f" ({number})" if number > 1 else ""), number)
        for span in lane:
            yield {
                "ph": "X",
                "pid": _PROGRAM,
                "tid": number,
                "ts": span.first - start,
                "dur": span.last - span.first,
                "cat": span.what,
                "name": f"{span.fqn} {span.what}".strip(),
            }
    for mark, place in lifetimes.marks:
        yield {"ph": "i", "s": "g", "pid": _PROGRAM, "tid": 1, "ts": place - start, "cat": "mark", "name": mark}


def _memory(lifetimes: Lifetimes) -> Iterator[str]:
    by_device: dict[str, list[Lifetime]] = {}
    for each in lifetimes.tensors:
        by_device.setdefault(each.device, []).append(each)
    for pid, device in enumerate(sorted(by_device), _PROGRAM + 1):
        yield _compact(_name("process_name", pid, f"memory of {device}"))
        yield from _counters(by_device[device], pid, lifetimes)


def _name(what: str, pid: int, name: str, tid: int = 0) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "name": what, "args": {"name": name}}


def lanes(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans, each in the first lane in which it is inside another one or beside it: threads of the program overlap.

    Args:
        spans: in the order in which they began, the outer ones first.
    """
    found: list[list[Span]] = []
    ends: list[list[int]] = []
    """For each lane when the spans end that go on in it."""
    for span in sorted(spans, key=lambda each: (each.first, -each.last, each.fqn.count("."))):
        for open_ in ends:
            while open_ and open_[-1] <= span.first:
                open_.pop()
        number = next((at for at, open_ in enumerate(ends) if not open_ or span.last <= open_[-1]), len(found))
        if number == len(found):
            found.append([])
            ends.append([])
        found[number].append(span)
        ends[number].append(span.last)
    return found


def _counters(tensors: Iterable[Lifetime], pid: int, lifetimes: Lifetimes) -> Iterator[str]:
    """The new value of each counter that an event has changed, and of their total."""
    moved: dict[int, dict[str, int]] = {}
    for each in tensors:
        for place, nbytes in ((each.born, int(each.nbytes)), (each.freed, -int(each.nbytes))):
            if place < lifetimes.last:
                by_type = moved.setdefault(place, {})
                by_type[each.ref_type.value] = by_type.get(each.ref_type.value, 0) + nbytes
    now: dict[str, int] = {}
    total, start = 0, lifetimes.first - 1
    for place in sorted(moved):
        for name, nbytes in moved[place].items():
            now[name] = now.get(name, 0) + nbytes
            total += nbytes
            yield _COUNTER % (pid, place - start, name.replace("_", " "), now[name])
        yield _COUNTER % (pid, place - start, "total", total)


def _compact(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))
