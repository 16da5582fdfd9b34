"""How much was alive when: totals, peaks, and what was alive at a moment."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.labels import KINDS, Labels
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace


@dataclass(slots=True)
class Highest:
    """The place in the events where the most was alive, and how much, by device."""

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


class _Recent:
    """Answers "where was the most alive since event p?" for one device.

    Holds the falling edge of the totals seen so far: every place whose total no later one reached.
    """

    __slots__ = ("places", "totals")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.totals: list[int] = []

    def push(self, place: int, total: int) -> None:
        while self.totals and self.totals[-1] < total:
            self.totals.pop()
            self.places.pop()
        self.totals.append(total)
        self.places.append(place)

    def since(self, place: int) -> tuple[int, int]:
        """Place and total of the highest point at or after ``place``."""
        index = min(bisect_left(self.places, place), len(self.places) - 1)
        return self.places[index], self.totals[index]


@dataclass(slots=True)
class Peaks:
    """The highest points of a stretch of events: of all of it, and of each call within."""

    whole: Highest = field(default_factory=Highest)
    forward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its forward ran."""
    backward: dict[int, Highest] = field(default_factory=dict)
    """Call -> while its backward, or its recomputation, ran."""


class Timeline:
    """The bytes alive after each event."""

    def __init__(self, trace: Trace, labels: Labels, scopes: Scopes) -> None:
        self._trace = trace
        self._labels = labels
        self._scopes = scopes
        self._existing = [sid for sid, phase in enumerate(trace.phase) if phase == Phase.EXISTING]

    def sizes(self) -> array[int]:
        """Bytes of each storage at the first event at which it counts."""
        return array("q", self._trace.nbytes)

    def peaks(self, first: int, last: int) -> Peaks:
        """The highest points at or after event ``first`` and before event ``last``."""
        trace, size, peaks = self._trace, self.sizes(), Peaks()
        device_of = trace.device
        totals = [0] * len(trace.devices.keys)
        for sid in self._existing:
            totals[device_of[sid]] += size[sid]
        recent = [_Recent() for _ in totals]
        entered: dict[int, int] = {}
        node: tuple[int, int] | None = None

        def close(found: dict[int, Highest], call: int, since: int) -> None:
            highest = found.setdefault(call, Highest())
            for device, line in enumerate(recent):
                highest.offer(device, *line.since(max(since, first)))

        def close_node() -> None:
            if node is not None and place > first:
                call = self._scopes.call(node[0])
                if call >= 0:
                    close(peaks.backward, call, node[1])

        place = -1
        if first == 0:
            for device, total in enumerate(totals):
                recent[device].push(0, total)
        for place, event in enumerate(trace.events[:last]):
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code <= Event.RESIZED:
                if code == Event.BORN:
                    if trace.phase[argument] == Phase.EXISTING:
                        continue
                    device, change = device_of[argument], size[argument]
                elif code == Event.FREED:
                    device, change = device_of[argument], -size[argument]
                else:
                    sid = trace.resized_storage[argument]
                    device, change = device_of[sid], trace.resized_to[argument] - size[sid]
                    size[sid] += change
                totals[device] += change
                if place >= first and change > 0:
                    recent[device].push(place, totals[device])
            if place == first:
                for each, total in enumerate(totals):
                    recent[each].push(place, total)
            if code == Event.ENTER:
                entered[argument] = place
                if place >= first:
                    for each, total in enumerate(totals):
                        recent[each].push(place, total)
            elif code == Event.EXIT:
                since = entered.pop(argument, None)
                if since is not None and place >= first:
                    recomputed = trace.call_phase[argument] == Phase.RECOMPUTE
                    close(peaks.backward if recomputed else peaks.forward, argument, since)
            elif code in (Event.NODE, Event.GRAPH_END):
                close_node()
                node = (-2 - argument, place) if code == Event.NODE else None
                if place >= first:
                    for each, total in enumerate(totals):
                        recent[each].push(place, total)
        if place >= first or first == 0:
            for call, since in entered.items():
                recomputed = trace.call_phase[call] == Phase.RECOMPUTE
                close(peaks.backward if recomputed else peaks.forward, call, since)
            close_node()
        for device, line in enumerate(recent):
            if line.totals:
                peaks.whole.offer(device, *line.since(first))
        self._spread(peaks.backward)
        return peaks

    def _spread(self, backward: dict[int, Highest]) -> None:
        """While a module's backward runs, so does that of the modules around it."""
        for call in sorted(backward, reverse=True):
            around = self._scopes.call(self._trace.call_parent[call])
            if around >= 0:
                for outer in self._scopes.path(around):
                    backward.setdefault(outer, Highest()).merge(backward[call])

    def usage(self, places: Iterable[int]) -> Mapping[int, DeviceUsage]:
        """What is alive right after each of these events; -1 is before the first."""
        wanted = sorted(set(places))
        trace, kind, size = self._trace, self._labels.kind, self.sizes()
        alive = [[0] * len(KINDS) for _ in trace.devices.keys]
        for sid in self._existing:
            alive[trace.device[sid]][kind[sid]] += size[sid]
        found: dict[int, DeviceUsage] = {}
        upcoming = iter(wanted)
        target = next(upcoming, None)
        while target is not None and target < 0:
            found[target] = self._freeze(alive)
            target = next(upcoming, None)
        if target is None:
            return found
        for place, event in enumerate(trace.events):
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == Event.BORN:
                if trace.phase[argument] != Phase.EXISTING:
                    alive[trace.device[argument]][kind[argument]] += size[argument]
            elif code == Event.FREED:
                alive[trace.device[argument]][kind[argument]] -= size[argument]
            elif code == Event.RESIZED:
                sid = trace.resized_storage[argument]
                alive[trace.device[sid]][kind[sid]] += trace.resized_to[argument] - size[sid]
                size[sid] = trace.resized_to[argument]
            if place == target:
                found[target] = self._freeze(alive)
                target = next(upcoming, None)
                if target is None:
                    break
        while target is not None:
            found[target] = self._freeze(alive)
            target = next(upcoming, None)
        return found

    def _freeze(self, alive: list[list[int]]) -> DeviceUsage:
        by_device = {}
        for name, row in sorted(zip(self._trace.devices.keys, alive, strict=True)):
            by_device[name] = Usage.of({KINDS[number]: nbytes for number, nbytes in enumerate(row) if nbytes})
        return DeviceUsage(by_device)

    def alive(self, place: int, device: int | None = None) -> Mapping[int, int]:
        """Storage -> bytes of all that is alive right after event ``place``."""
        trace, size = self._trace, self.sizes()
        alive = dict.fromkeys(self._existing)
        for event in trace.events[: place + 1]:
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == Event.BORN:
                alive[argument] = None
            elif code == Event.FREED:
                alive.pop(argument, None)
            elif code == Event.RESIZED:
                size[trace.resized_storage[argument]] = trace.resized_to[argument]
        return {sid: size[sid] for sid in alive if size[sid] and device in (None, trace.device[sid])}


def at_each_device(highest: Highest, usage: Mapping[int, DeviceUsage], devices: list[str]) -> DeviceUsage:
    """For each device its usage at the moment when that device held the most."""
    by_device = {}
    for device, place in sorted(highest.place.items(), key=lambda pair: devices[pair[0]]):
        name = devices[device]
        by_device[name] = usage[place].get(name, Usage())
    return DeviceUsage(by_device)
