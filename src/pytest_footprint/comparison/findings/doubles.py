"""The same thing twice: a second optimizer, a second model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.comparison.structures import structure_changes
from pytest_footprint.model.finding import Doubled
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType

_TYPES = (RefType.OPTIMIZER_STATE, RefType.PARAMETER)


def doubled(before: Footprint, after: Footprint) -> Iterator[Doubled]:
    """Where the structure is the same, and both the number of tensors and their bytes are exactly twice as much."""
    if any(structure_changes(before.structure, after.structure)):
        return
    for kind in _TYPES:
        for device in after.end:
            then, now = _of(before.at_end, kind, device), _of(after.at_end, kind, device)
            was, count = _count(then), _count(now)
            if was and count == 2 * was and _bytes(now) == 2 * _bytes(then):
                yield Doubled(kind, device, was, count, _elsewhere(now) == _elsewhere(then) + was)


def _of(groups: Iterable[LiveGroup], kind: RefType, device: str) -> list[LiveGroup]:
    return [group for group in groups if (group.ref_type, group.device) == (kind, device)]


def _count(groups: Iterable[LiveGroup]) -> int:
    return sum(group.count for group in groups)


def _bytes(groups: Iterable[LiveGroup]) -> int:
    return sum(group.nbytes for group in groups)


def _elsewhere(groups: Iterable[LiveGroup]) -> int:
    return _count(group for group in groups if not group.fqn)
