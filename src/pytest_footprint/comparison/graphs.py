"""Graphs that outlive the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensors

_MOST = 0.5
"""One saved tensor that is kept is a tensor that is kept; this much of all is the graph."""
_AFTERWARDS = frozenset({Signal.END, Signal.GROWTH})


def graph_kept(saved: SavedTensors, found: Iterable[Culprit]) -> ByteSize:
    """Bytes of what was ``saved`` that are now alive after the step; 0 when they are less than most of it."""
    after = [one for one in found if _is_kept(one)]
    if not after:
        return ByteSize(0)
    # By number of elements: what is saved goes by the shape in which backward sees it.
    held: Counter[tuple[object, ...]] = Counter()
    for row in saved:
        held[row.op, row.dtype, row.device, prod(row.shape)] += row.nbytes
    kept: Counter[tuple[object, ...]] = Counter()
    for one in after:
        look = (one.op, one.dtype, one.device, prod(one.shape or ()))
        if look in held:
            kept[look] += one.nbytes
    covered = sum(min(nbytes, held[look]) for look, nbytes in kept.items())
    return ByteSize(kept.total() if covered and covered >= _MOST * held.total() else 0)


def _is_kept(one: Culprit) -> bool:
    return one.signal in _AFTERWARDS and one.ref_type is RefType.ACTIVATION and one.nbytes > 0
