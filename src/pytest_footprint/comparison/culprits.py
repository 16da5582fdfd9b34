"""The tensors behind a change of sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_footprint.comparison.settling import Row, dtypes_paired, settled, shapes_paired
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, Culprit, Signal, SizeChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import LiveGroup, summed_up
from pytest_footprint.model.ref_type import BY_ROOT


def culprits(before: Footprint, after: Footprint, changes: Sequence[Change]) -> tuple[Culprit, ...]:
    """What is alive, or saved, in one of the two only; of the reference types that changed."""
    moved: dict[Signal, set[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, SizeChange):
            moved.setdefault(change.signal, set()).add((change.device, change.subject))
    # What grows from step to step is alive at the end, where it would be named twice.
    end = Signal.END if Signal.END in moved else Signal.GROWTH
    saved = _differences(Signal.SAVED, before.saved.groups(), after.saved.groups()) if Signal.SAVED in moved else []
    keep_more = {fqn for fqn, one in saved if one.nbytes > 0}
    found: list[Culprit] = []
    for signal, then, now in (
        (Signal.PEAK, before.at_peak, after.at_peak),
        (end, before.at_end, after.at_end),
    ):
        if signal in moved:
            alone = _differences(signal, _only(then, moved[signal]), _only(now, moved[signal]))
            found += _folded(shapes_paired(dtypes_paired(settled(alone, keep_more))))
    return (*found, *_folded(shapes_paired(dtypes_paired(saved))))


def _only(groups: Iterable[LiveGroup], moved: set[tuple[str, str]]) -> tuple[LiveGroup, ...]:
    return summed_up(group for group in groups if (group.device, group.ref_type.value) in moved)


def _differences(signal: Signal, before: Iterable[LiveGroup], after: Iterable[LiveGroup]) -> list[Row]:
    """Pairs of a module and what it has more or less of."""
    then, now = {_key(group): group for group in before}, {_key(group): group for group in after}
    alone = []
    for key, group in {**then, **now}.items():
        was, is_now = then.get(key), now.get(key)
        count = (is_now.count if is_now else 0) - (was.count if was else 0)
        nbytes = (is_now.nbytes if is_now else 0) - (was.nbytes if was else 0)
        if count or nbytes:
            alone.append((group.fqn, _culprit(signal, group, count, nbytes)))
    return alone


def _folded(alone: list[Row]) -> list[Culprit]:
    folded = [
        replace(one, fqn=fqn, count=one.count * members, nbytes=ByteSize(one.nbytes * members))
        for fqn, members, one in fold_alike(alone)
    ]
    return sorted(folded, key=lambda one: (one.nbytes <= 0, -abs(one.nbytes)))


def _key(group: LiveGroup) -> tuple[object, ...]:
    return group.ref_type, group.fqn, group.op, group.shape, group.dtype, group.device


def _culprit(signal: Signal, group: LiveGroup, count: int, nbytes: int) -> Culprit:
    """A culprit without its module, so that those of repeated layers are equal."""
    shape = None if group.ref_type in BY_ROOT else group.shape
    return Culprit(
        signal, group.ref_type, "", group.op, shape, group.dtype, group.device, count, ByteSize(nbytes), group.source
    )
