"""The tensors behind a change of sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, Culprit, Signal, SizeChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import INDEX, fold_alike
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
            found += _folded(_settled(alone, keep_more))
    return (*found, *_folded(saved))


def _only(groups: Iterable[LiveGroup], moved: set[tuple[str, str]]) -> tuple[LiveGroup, ...]:
    return summed_up(group for group in groups if (group.device, group.ref_type.value) in moved)


def _differences(signal: Signal, before: Iterable[LiveGroup], after: Iterable[LiveGroup]) -> list[tuple[str, Culprit]]:
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


def _settled(alone: list[tuple[str, Culprit]], keep_more: set[str]) -> list[tuple[str, Culprit]]:
    """Without what only changed places between repeated layers.

    The peak of a deep model moves from one layer to the next at the slightest change, and then all tensors of one
    layer are new and all of another gone. Modules in ``keep_more`` are the last whose tensors are taken for moved.
    """
    gone: dict[tuple[object, ...], list[tuple[str, Culprit]]] = {}
    for row in alone:
        if row[1].nbytes < 0:
            gone.setdefault(_elsewhere(*row), []).append(row)
    moved: set[tuple[str, Culprit]] = set()
    for row in sorted(alone, key=lambda row: row[0] in keep_more):
        if row[1].nbytes > 0 and (others := gone.get(_elsewhere(*row))):
            moved |= {row, others.pop()}
    return [row for row in alone if row not in moved]


def _elsewhere(fqn: str, one: Culprit) -> tuple[object, ...]:
    """What the same tensors of another layer have in common with these."""
    layer = tuple("*" if INDEX.fullmatch(part) else part for part in fqn.split("."))
    return layer, one.ref_type, one.op, one.shape, one.dtype, one.device, abs(one.count), abs(one.nbytes)


def _folded(alone: list[tuple[str, Culprit]]) -> list[Culprit]:
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
