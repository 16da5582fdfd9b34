"""What autograd keeps for backward, by module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

from pytest_footprint.comparison.sizes import TOTAL
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, Signal, SizeChange, TextChange
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.saved_tensor import SavedTensors
from pytest_footprint.model.tolerance import Tolerance

_Content: TypeAlias = Counter[tuple[str, tuple[int, ...], str]]


def saved_changes(before: SavedTensors, after: SavedTensors, tolerance: Tolerance) -> Iterator[Change]:
    """Bytes of each module, and what it keeps where the bytes are the same."""
    if _kept(before) == _kept(after):
        return  # by far the commonest, and quicker to see than what else follows
    then, now = _by_device(before), _by_device(after)
    for device in dict.fromkeys((*then, *now)):
        yield from _changes(device, then.get(device, {}), now.get(device, {}), tolerance)


def _kept(saved: SavedTensors) -> dict[tuple[object, ...], tuple[int, int]]:
    """How many of each look there are, and their bytes."""
    found: dict[tuple[object, ...], tuple[int, int]] = {}
    for row in saved.rows:
        look = row.fqn, row.op, row.shape, row.dtype, row.device
        count, nbytes = found.get(look, (0, 0))
        found[look] = count + 1, nbytes + int(row.nbytes)
    return found


def _by_device(saved: SavedTensors) -> dict[str, dict[str, list[LiveGroup]]]:
    found: dict[str, dict[str, list[LiveGroup]]] = {}
    for group in saved.groups():
        found.setdefault(group.device, {}).setdefault(group.fqn, []).append(group)
    return found


def _changes(
    device: str, before: dict[str, list[LiveGroup]], after: dict[str, list[LiveGroup]], tolerance: Tolerance
) -> Iterator[Change]:
    sizes: list[tuple[str, tuple[int, int]]] = []
    contents: list[tuple[str, tuple[str, str]]] = []
    for fqn in dict.fromkeys((*before, *after)):
        then, now = before.get(fqn, []), after.get(fqn, [])
        if then == now:
            continue
        if not tolerance.allows(_bytes(then), _bytes(now)):
            sizes.append((fqn, (_bytes(then), _bytes(now))))
        elif (was := _content(then)) != (is_now := _content(now)):
            contents.append((fqn, (_words(was - is_now), _words(is_now - was))))
    if sizes:
        total = sum(map(_bytes, before.values())), sum(map(_bytes, after.values()))
        if not tolerance.allows(*total):
            yield SizeChange(Signal.SAVED, TOTAL, device, *map(ByteSize, total))
    changes = [
        SizeChange(Signal.SAVED, fqn, device, ByteSize(was * count), ByteSize(now * count))
        for fqn, count, (was, now) in fold_alike(sizes)
    ]
    yield from sorted(changes, key=lambda change: -abs(change.difference))
    for fqn, _, (was_saved, now_saved) in fold_alike(contents):
        yield TextChange(Signal.SAVED, fqn, was_saved, now_saved)


def _bytes(groups: list[LiveGroup]) -> int:
    return sum(group.nbytes for group in groups)


def _content(groups: list[LiveGroup]) -> _Content:
    return Counter({(group.dtype, group.shape, group.op): group.count for group in groups})


def _words(content: _Content) -> str:
    return ", ".join(
        f"{f'{count} x ' if count > 1 else ''}{dtype}[{', '.join(map(str, shape))}] from {op or 'before the recording'}"
        for (dtype, shape, op), count in content.items()
    )
