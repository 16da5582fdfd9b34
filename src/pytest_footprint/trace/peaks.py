"""The highest points of a stretch of events: of all of it, and of each module call within."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

from pytest_footprint.trace.changes import Changes
from pytest_footprint.trace.curve import Curve
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace

Highest: TypeAlias = dict[int, tuple[int, int]]
"""By device number the most bytes that were alive, and the event right after which they were."""

_ENTER, _EXIT, _NODE = int(Event.ENTER), int(Event.EXIT), int(Event.NODE)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The highest points of a stretch of events."""

    whole: Highest = field(default_factory=dict)
    forward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its forward ran."""
    backward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its backward, or its recomputation, ran."""

    def places(self) -> Iterable[int]:
        """Every event that is a highest point of something."""
        return places_of([self.whole, *self.forward.values(), *self.backward.values()])


def places_of(points: Iterable[Highest]) -> Iterable[int]:
    """The events of highest points."""
    return (place for highest in points for _, place in highest.values())


def merged(points: Mapping[int, Highest], group: Sequence[int]) -> dict[int, Highest]:
    """The highest points of groups: ``group`` says which one each key belongs to."""
    found: dict[int, Highest] = {}
    for key, highest in points.items():
        keep_higher(found.setdefault(group[key], {}), highest)
    return found


def keep_higher(highest: Highest, other: Highest) -> None:
    """Take over from ``other`` what is higher; the earlier one of equals stays."""
    for device, point in other.items():
        if device not in highest or point[0] > highest[device][0]:
            highest[device] = point


class PeakFinder:
    """Finds highest points in any stretch of a trace.

    Args:
        trace: what was recorded.
        places: where its events stand.
        changes: what they changed.
        scopes: which call each backward node belongs to.
    """

    def __init__(self, trace: Trace, places: Places, changes: Changes, scopes: Scopes) -> None:
        self._trace = trace
        self._places = places
        self._scopes = scopes
        self._curves = [Curve(totals) for totals in _totals(trace, places, changes)]

    def find(self, first: int, last: int) -> Peaks:
        """The highest points at or after event ``first`` and before event ``last``."""
        # What existed before counts from before the first event.
        since = first if first > 0 else -1
        peaks = Peaks()
        if since < last:
            self._raise(peaks.whole, since, last)
            self._visit(peaks, since, last)
            self._add_inner(peaks.backward)
        return peaks

    def _visit(self, peaks: Peaks, first: int, last: int) -> None:
        """Each call from its entry to its exit, and each node until the next, as far as they lie in the stretch."""
        entered: dict[int, int] = {}
        node, since = None, 0
        for place, event in self._places.events(Event.ENTER, Event.EXIT, Event.NODE, Event.GRAPH_END, last=last):
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == _ENTER:
                entered[argument] = place
            elif code == _EXIT:
                begin = entered.pop(argument, None)
                if begin is not None and place > first:
                    self._close_call(peaks, argument, max(begin, first), place)
            else:
                if node is not None and place > first:
                    self._close_node(peaks, node, max(since, first), place)
                node, since = (argument, place) if code == _NODE else (None, 0)
        for call, begin in entered.items():
            self._close_call(peaks, call, max(begin, first), last)
        if node is not None:
            self._close_node(peaks, node, max(since, first), last)

    def _close_call(self, peaks: Peaks, call: int, first: int, last: int) -> None:
        recomputed = self._trace.call_phase[call] == Phase.RECOMPUTE
        self._raise((peaks.backward if recomputed else peaks.forward).setdefault(call, {}), first, last)

    def _close_node(self, peaks: Peaks, node: int, first: int, last: int) -> None:
        call = self._scopes.call(node_scope(node))
        if call >= 0:
            self._raise(peaks.backward.setdefault(call, {}), first, last)

    def _raise(self, highest: Highest, first: int, last: int) -> None:
        for device, curve in enumerate(self._curves):
            point = curve.highest(first, last)
            if device not in highest or point[0] > highest[device][0]:
                highest[device] = point

    def _add_inner(self, backward: dict[int, Highest]) -> None:
        """While a module's backward runs, so does that of the modules around it."""
        for call in sorted(backward, reverse=True):
            inner = backward[call]
            for outer in self._scopes.path(self._scopes.call(self._trace.call_parent[call])):
                keep_higher(backward.setdefault(outer, {}), inner)


def _totals(trace: Trace, places: Places, changes: Changes) -> Iterable[list[int]]:
    """For each device the bytes alive before the first event and after each, what operators held inside included."""
    change = [[0] * (len(places) + 1) for _ in trace.devices.keys]
    if len(change) == 1:
        for place, nbytes in zip(changes.place, changes.nbytes, strict=True):
            change[0][place + 1] = nbytes
    else:
        for place, sid, nbytes in zip(changes.place, changes.storage, changes.nbytes, strict=True):
            change[trace.device[sid]][place + 1] = nbytes
    for sid in changes.existing:
        change[trace.device[sid]][0] += trace.nbytes[sid]
    totals = [list(accumulate(each)) for each in change]
    inside: dict[tuple[int, int], int] = {}
    for place, device, nbytes in zip(trace.inside_place, trace.inside_device, trace.inside_bytes, strict=True):
        inside[device, place] = max(inside.get((device, place), 0), nbytes)
    for (device, place), nbytes in inside.items():
        totals[device][place] += nbytes
    return totals
