"""What was alive at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.labels import KINDS, Labels
from pytest_footprint.trace.peaks import Highest
from pytest_footprint.trace.trace import Trace

_BORN, _FREED, _RESIZED = int(Event.BORN), int(Event.FREED), int(Event.RESIZED)


class Timeline:
    """The bytes alive after each event."""

    def __init__(self, trace: Trace, labels: Labels) -> None:
        self._trace = trace
        self._labels = labels
        self._used = set(trace.device)
        self._existing = [sid for sid, phase in enumerate(trace.phase) if phase == Phase.EXISTING]

    def usage(self, places: Iterable[int]) -> Mapping[int, DeviceUsage]:
        """What is alive right after each of these events; -1 is before the first."""
        wanted = sorted(set(places))
        trace, kind, size = self._trace, self._labels.kind, list(self._trace.nbytes)
        alive = [[0] * len(KINDS) for _ in trace.devices.keys]
        for sid in self._existing:
            alive[trace.device[sid]][kind[sid]] += size[sid]
        found = {place: self._freeze(alive) for place in wanted if place < 0}
        rest = iter(wanted[len(found) :])
        target = next(rest, None)
        for place, event in enumerate(trace.events):
            if target is None:
                break
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == _BORN:
                if trace.phase[argument] != Phase.EXISTING:
                    alive[trace.device[argument]][kind[argument]] += size[argument]
            elif code == _FREED:
                alive[trace.device[argument]][kind[argument]] -= size[argument]
            elif code == _RESIZED:
                sid = trace.resized_storage[argument]
                alive[trace.device[sid]][kind[sid]] += trace.resized_to[argument] - size[sid]
                size[sid] = trace.resized_to[argument]
            if place == target:
                found[target] = self._freeze(alive)
                target = next(rest, None)
        if target is not None:  # an empty trace has no event to stop at
            found |= dict.fromkeys([target, *rest], self._freeze(alive))
        return found

    def _freeze(self, alive: list[list[int]]) -> DeviceUsage:
        by_device = {}
        for name, device in sorted((self._trace.devices.keys[device], device) for device in self._used):
            row = alive[device]
            by_device[name] = Usage.of({KINDS[number]: nbytes for number, nbytes in enumerate(row) if nbytes})
        return DeviceUsage(by_device)

    def alive(self, place: int, device: int | None = None) -> Mapping[int, int]:
        """Storage -> bytes of all that is alive right after event ``place``."""
        trace, size = self._trace, list(self._trace.nbytes)
        alive = dict.fromkeys(self._existing)
        for event in trace.events[: place + 1]:
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == _BORN:
                alive[argument] = None
            elif code == _FREED:
                alive.pop(argument, None)
            elif code == _RESIZED:
                size[trace.resized_storage[argument]] = trace.resized_to[argument]
        return {sid: size[sid] for sid in alive if size[sid] and device in (None, trace.device[sid])}


def at_each_device(highest: Highest, usage: Mapping[int, DeviceUsage], devices: list[str]) -> DeviceUsage:
    """For each device its usage at the moment when that device held the most.

    What the highest point has above what is alive there is memory inside an operator: a temporary.
    """
    by_device = {}
    for name, device in sorted((devices[device], device) for device in highest.place):
        alive = usage[highest.place[device]].get(name)
        if alive is not None:
            inside = highest.total[device] - alive.total
            by_device[name] = replace(alive, temporaries=alive.temporaries + inside) if inside else alive
    return DeviceUsage(by_device)
