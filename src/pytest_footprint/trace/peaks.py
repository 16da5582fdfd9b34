"""The highest points of a stretch of events: of all of it, and of each module call within."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace

_BORN, _FREED, _RESIZED = int(Event.BORN), int(Event.FREED), int(Event.RESIZED)
_ENTER, _EXIT, _NODE, _GRAPH_END = int(Event.ENTER), int(Event.EXIT), int(Event.NODE), int(Event.GRAPH_END)


@dataclass(slots=True)
class Highest:
    """The place in the events where the most was alive, and how much, by device number."""

    place: dict[int, int] = field(default_factory=dict)
    total: dict[int, int] = field(default_factory=dict)

    def offer(self, device: int, place: int, total: int) -> None:
        """Keep the higher one; the earlier one of equals."""
        if total > self.total.get(device, -1):
            self.total[device], self.place[device] = total, place

    def merge(self, other: Highest) -> None:
        """Keep the higher one for each device."""
        for device, place in other.place.items():
            self.offer(device, place, other.total[device])


@dataclass(slots=True)
class Peaks:
    """The highest points of a stretch of events."""

    whole: Highest = field(default_factory=Highest)
    forward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its forward ran."""
    backward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its backward, or its recomputation, ran."""

    def places(self) -> Iterable[int]:
        """Every event that is a highest point of something."""
        for highest in (self.whole, *self.forward.values(), *self.backward.values()):
            yield from highest.place.values()


def find_peaks(trace: Trace, scopes: Scopes, first: int, last: int) -> Peaks:
    """The highest points at or after event ``first`` and before event ``last``."""
    sweep = _Sweep(trace, scopes, first)
    for place, event in enumerate(trace.events[:last]):
        sweep.take(place, event & CODE_MASK, event >> CODE_BITS)
    return sweep.finish(last)


class _Falling:
    """Answers "where was the most alive since event p?" for one device.

    Holds the falling edge of the totals seen so far: every place whose total no later one reached.
    """

    __slots__ = ("places", "total", "totals")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.totals: list[int] = []
        self.total = 0

    def push(self, place: int, inside: int = 0) -> None:
        """The present total is the one right after event ``place``; an operator then holds ``inside`` bytes more."""
        total = self.total + inside
        while self.totals and self.totals[-1] < total:
            self.totals.pop()
            self.places.pop()
        self.totals.append(total)
        self.places.append(place)

    def since(self, place: int) -> tuple[int, int]:
        """Place and total of the highest point at or after ``place``."""
        index = min(bisect_left(self.places, place), len(self.places) - 1)
        return self.places[index], self.totals[index]


class _Sweep:
    """Goes through the events once."""

    def __init__(self, trace: Trace, scopes: Scopes, first: int) -> None:
        self._trace = trace
        self._scopes = scopes
        self._first = first if first > 0 else -1  # what existed before counts from before the first event
        self._size = list(trace.nbytes)
        self._lines = [_Falling() for _ in trace.devices.keys]
        self._entered: dict[int, int] = {}
        self._node: tuple[int, int] | None = None
        self._peaks = Peaks()
        self._inside: dict[int, list[tuple[int, int]]] = {}
        for place, device, nbytes in zip(trace.inside_place, trace.inside_device, trace.inside_bytes, strict=True):
            self._inside.setdefault(place, []).append((device, nbytes))
        for storage, phase in enumerate(trace.phase):
            if phase == Phase.EXISTING:
                self._lines[trace.device[storage]].total += self._size[storage]
        if self._first < 0:
            self._push_all(-1)

    def take(self, place: int, code: int, argument: int) -> None:
        """One event."""
        if place in self._inside:
            self._push_inside(place)
        if code <= _RESIZED:
            self._change(place, code, argument)
            if place == self._first:
                self._push_all(place)
        elif code == _ENTER:
            self._entered[argument] = place
            self._push_all(place)
        elif code == _EXIT:
            since = self._entered.pop(argument, None)
            if since is not None and place >= self._first:
                self._close_call(argument, since)
        elif code in (_NODE, _GRAPH_END):
            self._close_node()
            self._node = (argument, place) if code == _NODE else None
            self._push_all(place)
        elif place == self._first:
            self._push_all(place)

    def finish(self, last: int) -> Peaks:
        """What is still open ends here, before event ``last``."""
        if last in self._inside:
            self._push_inside(last)
        for call, since in self._entered.items():
            self._close_call(call, since)
        self._close_node()
        self._close(self._peaks.whole, self._first)
        for call in sorted(self._peaks.backward, reverse=True):
            # While a module's backward runs, so does that of the modules around it.
            around = self._scopes.call(self._trace.call_parent[call])
            for outer in self._scopes.path(around):
                self._peaks.backward.setdefault(outer, Highest()).merge(self._peaks.backward[call])
        return self._peaks

    def _change(self, place: int, code: int, argument: int) -> None:
        trace, size = self._trace, self._size
        if code == _BORN:
            if trace.phase[argument] == Phase.EXISTING:
                return
            line = self._lines[trace.device[argument]]
            line.total += size[argument]
            line.push(place)
        elif code == _FREED:
            self._lines[trace.device[argument]].total -= size[argument]
        else:
            storage = trace.resized_storage[argument]
            line = self._lines[trace.device[storage]]
            line.total += trace.resized_to[argument] - size[storage]
            size[storage] = trace.resized_to[argument]
            line.push(place)

    def _push_inside(self, place: int) -> None:
        for device, nbytes in self._inside[place]:
            self._lines[device].push(place - 1, nbytes)

    def _push_all(self, place: int) -> None:
        for line in self._lines:
            line.push(place)

    def _close(self, highest: Highest, since: int) -> None:
        for device, line in enumerate(self._lines):
            if line.places:
                highest.offer(device, *line.since(max(since, self._first)))

    def _close_call(self, call: int, since: int) -> None:
        recomputed = self._trace.call_phase[call] == Phase.RECOMPUTE
        found = self._peaks.backward if recomputed else self._peaks.forward
        self._close(found.setdefault(call, Highest()), since)

    def _close_node(self) -> None:
        if self._node is None:
            return
        node, since = self._node
        call = self._scopes.call(node_scope(node))
        if call >= 0 and self._lines[0].places and self._lines[0].places[-1] >= self._first:
            self._close(self._peaks.backward.setdefault(call, Highest()), since)
