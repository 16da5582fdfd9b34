"""What each measured step left, read from a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.trace.changes import Changes
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.labels import Labels
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.trace import Trace

_BORN, _FREED, _EXISTING = int(Event.BORN), int(Event.FREED), int(Phase.EXISTING)

Moved = tuple[Mapping[int, int], Mapping[int, int]]
"""Storage -> bytes of what is alive and was not, and of what was and is not; a resized storage is in both."""


class Read(Protocol):
    """What `trace.reading.Reading` knows of a trace."""

    trace: Trace
    places: Places
    changes: Changes
    labels: Labels

    def origin(self, storage: int) -> tuple[int, int]:
        """Its module and its operator; -1 where there is none."""

    def groups(self, alive: Mapping[int, int]) -> Iterable[LiveGroup]:
        """Storages, with their bytes, grouped by all that one can say of them."""


def step_ends(read: Read, first: int, ends: Sequence[int], usage: Mapping[int, DeviceUsage]) -> tuple[StepEnd, ...]:
    """The end of each step, of those that begin at event ``first`` and end before events ``ends``."""
    found = []
    moved_by = moved_by_step(read, first, ends)
    for end, moved in zip(ends, moved_by, strict=False):  # without an event no step has an end
        came, went = unmatched(read, moved)
        found.append(StepEnd(usage[end - 1], difference(read.groups(came), read.groups(went))))
    return tuple(found)


def moved_by_step(read: Read, first: int, ends: Sequence[int]) -> Iterator[Moved]:
    """For each step that is over before event ``ends[i]``: what came and went since the one before, or ``first``."""
    trace, size = read.trace, read.changes.sizes(first - 1)
    for begin, end in pairwise((first, *ends)):
        came: dict[int, None] = {}
        went: dict[int, int] = {}
        for _, event in read.places.events(Event.BORN, Event.FREED, Event.RESIZED, first=begin, last=end):
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == _BORN:
                if trace.phase[argument] != _EXISTING:
                    came[argument] = None
            elif code == _FREED:
                if argument in came:
                    del came[argument]
                else:
                    went[argument] = size[argument]
            else:
                storage = trace.resized_storage[argument]
                if storage not in came:
                    went[storage] = size[storage]
                    came[storage] = None
                size[storage] = trace.resized_to[argument]
        yield {storage: size[storage] for storage in came}, went


def unmatched(read: Read, moved: Moved) -> Moved:
    """Without what came in the place of its like: gradients that every step makes anew are no difference."""
    came, went = moved
    trace, kind = read.trace, read.labels.kind

    def look(storage: int, nbytes: int) -> tuple[int, ...]:
        return kind[storage], *read.origin(storage), trace.layout[storage], trace.device[storage], nbytes

    gone: dict[tuple[int, ...], list[int]] = {}
    for storage, nbytes in went.items():
        gone.setdefault(look(storage, nbytes), []).append(storage)
    new = {}
    for storage, nbytes in came.items():
        if like := gone.get(look(storage, nbytes)):
            like.pop()
        else:
            new[storage] = nbytes
    return new, {storage: went[storage] for like in gone.values() for storage in like}


def difference(more: Iterable[LiveGroup], less: Iterable[LiveGroup]) -> tuple[LiveGroup, ...]:
    """What there is more of, largest first, then what there is less of, with negative count and bytes."""
    found: dict[LiveGroup, LiveGroup] = {}
    negative = (replace(group, count=-group.count, nbytes=-group.nbytes) for group in less)
    for group in (*more, *negative):
        look = replace(group, count=0, nbytes=group.nbytes - group.nbytes)
        before = found.get(look)
        count, nbytes = (before.count, before.nbytes) if before else (0, look.nbytes)
        found[look] = replace(before or group, count=count + group.count, nbytes=nbytes + group.nbytes)
    moved = (group for group in found.values() if group.nbytes)
    return tuple(sorted(moved, key=lambda group: (group.nbytes < 0, -abs(group.nbytes), group.fqn, group.op)))
