"""Over how many ranks parameters are sharded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from pytest_footprint.comparison.structures import structure_changes
from pytest_footprint.model.finding import Resharded
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure

_BITS = re.compile(r"\d+")
_CLOSE = 0.02
"""Shards are padded, and buffers are not sharded: this share off a whole number of ranks still is one."""


def resharded(before: Footprint, after: Footprint) -> Iterator[Resharded]:
    """Only for the same parameters: those of another model are another number of bytes anyway."""
    if any(structure_changes(before.structure, after.structure)):
        return
    then, now = _ranks(before), _ranks(after)
    if then and now and then != now:
        yield Resharded(then, now)


def _ranks(footprint: Footprint) -> int:
    """Bytes of the whole parameters for each byte that this rank holds; 0 when that is no whole number."""
    held = sum(usage[RefType.SHARDED_PARAMETER] for usage in footprint.end.values())
    if not held:
        return 0
    ratio = _whole(footprint.structure) / held
    ranks = round(ratio)
    return ranks if ranks > 1 and abs(ratio - ranks) <= _CLOSE * ranks else 0


def _whole(structure: Structure) -> int:
    """Bytes of the state_dict, tied tensors once."""
    seconds = {name for group in structure.tied for name in group[1:]}
    return sum(_itemsize(spec.dtype) * prod(spec.shape) for spec in structure.tensors if spec.name not in seconds)


def _itemsize(dtype: str) -> int:
    bits = _BITS.search(dtype)  # float8_e4m3fn has several numbers, bool none
    return max(1, int(bits[0]) // 8) if bits else 1
