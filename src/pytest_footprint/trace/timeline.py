"""What was alive at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.trace.changes import Changes
from pytest_footprint.trace.labels import KINDS, Labels
from pytest_footprint.trace.peaks import Highest
from pytest_footprint.trace.trace import Trace

_KINDS = len(KINDS)


class Timeline:
    """The bytes alive after each event."""

    def __init__(self, trace: Trace, changes: Changes, labels: Labels) -> None:
        self._trace = trace
        self._changes = changes
        self._slots = [device * _KINDS + kind for device, kind in zip(trace.device, labels.kind, strict=True)]
        """For each storage the number of its device and kind together."""
        self._used = sorted((trace.devices.keys[device], device) for device in set(trace.device))

    def usage(self, places: Iterable[int]) -> Mapping[int, DeviceUsage]:
        """What is alive right after each of these events; -1 is before the first."""
        changes, slots = self._changes, self._slots
        alive = [0] * (len(self._trace.devices.keys) * _KINDS)
        for sid in changes.existing:
            alive[slots[sid]] += self._trace.nbytes[sid]
        found, done = {}, 0
        for place in sorted(set(places)):
            until = bisect_right(changes.place, place)
            for sid, nbytes in zip(changes.storage[done:until], changes.nbytes[done:until], strict=True):
                alive[slots[sid]] += nbytes
            done = until
            found[place] = self._freeze(alive)
        return found

    def _freeze(self, alive: list[int]) -> DeviceUsage:
        by_device = {}
        for name, device in self._used:
            row = alive[device * _KINDS : (device + 1) * _KINDS]
            by_device[name] = Usage.of({KINDS[number]: nbytes for number, nbytes in enumerate(row) if nbytes})
        return DeviceUsage(by_device)

    def alive(self, place: int, device: int | None = None) -> Mapping[int, int]:
        """Storage -> bytes of all that is alive right after event ``place``."""
        size = self._changes.sizes(place)
        on = self._trace.device
        return {sid: size[sid] for sid in self._changes.alive(place) if size[sid] and device in (None, on[sid])}


def at_each_device(highest: Highest, usage: Mapping[int, DeviceUsage], devices: list[str]) -> DeviceUsage:
    """For each device its usage at the moment when that device held the most.

    What the highest point has above what is alive there is memory inside an operator: a temporary.
    """
    by_device = {}
    for name, device in sorted((devices[device], device) for device in highest):
        total, place = highest[device]
        alive = usage[place].get(name)
        if alive is not None:
            inside = total - alive.total
            by_device[name] = replace(alive, temporaries=alive.temporaries + inside) if inside else alive
    return DeviceUsage(by_device)
