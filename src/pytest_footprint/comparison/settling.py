"""Differences that are none, or that are one and look like two."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from pytest_footprint.model.comparison import Culprit
from pytest_footprint.model.fqn import INDEX

Row: TypeAlias = tuple[str, Culprit]
"""A module, and what it has more or less of."""
_HALF = 0.5


def settled(rows: Sequence[Row], keep_more: set[str]) -> list[Row]:
    """Without what only changed places between repeated layers, or is made by another operator now.

    The peak of a deep model moves from one layer to the next at the slightest change, and then all tensors of one
    layer are new and all of another gone. Modules in ``keep_more`` are the last whose tensors are taken for moved.
    """
    first = sorted(rows, key=lambda row: row[0] in keep_more)
    moved = {row for pair in _pairs(first, _elsewhere) for row in pair}
    stayed = [row for row in rows if row not in moved]
    remade = {row for pair in _pairs(stayed, _made_otherwise) for row in pair}
    return [row for row in stayed if row not in remade]


def dtypes_paired(rows: Sequence[Row]) -> list[Row]:
    """With tensors that only have another dtype now as one row, not as some that are new and others gone."""
    pairs = dict(_pairs(rows, _of_any_dtype))
    gone = set(pairs.values())
    return [
        (row[0], replace(row[1], nbytes=row[1].nbytes + pairs[row][1].nbytes, was=pairs[row][1].dtype))
        if row in pairs
        else row
        for row in rows
        if row not in gone
    ]


def shapes_paired(rows: Sequence[Row]) -> list[Row]:
    """With tensors that only have another shape now as one row, not as some that are new and others gone.

    Where several could be meant, those are taken for the same that have most sizes in common, and at least half.
    """
    gone, new = _by_shape(rows, -1), _by_shape(rows, 1)
    pairs: dict[Row, Row] = {}
    for key in new:
        alone = len(new[key]) == len(gone.get(key, ())) == 1
        candidates = ((_alike(row, other), row, other) for row in new[key] for other in gone.get(key, ()))
        for share, row, other in sorted(candidates, key=lambda each: -each[0]):
            free = row not in pairs and other not in pairs.values()
            if free and (alone or share >= _HALF) and row[1].nbytes != -other[1].nbytes:
                pairs[row] = other
    taken = set(pairs.values())
    return [_reshaped(row, pairs.get(row)) for row in rows if row not in taken]


def _by_shape(rows: Iterable[Row], sign: int) -> dict[Hashable, list[Row]]:
    """What is new (1) or gone (-1), by all that a tensor of another shape has in common with it."""
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        fqn, one = row
        if sign * one.nbytes > 0 and one.shape and not one.was:
            key = fqn, one.ref_type, one.op, one.dtype, len(one.shape), one.device, abs(one.count)
            found.setdefault(key, []).append(row)
    return found


def _reshaped(row: Row, gone: Row | None) -> Row:
    if gone is None:
        return row
    fqn, one = row
    return fqn, replace(one, nbytes=one.nbytes + gone[1].nbytes, was_shape=gone[1].shape)


def _alike(row: Row, other: Row) -> float:
    """The share of sizes that two shapes of as many dimensions have in common."""
    ours, theirs = row[1].shape or (), other[1].shape or ()
    return sum(one == another for one, another in zip(ours, theirs, strict=True)) / len(ours)


def _pairs(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> list[tuple[Row, Row]]:
    """What is new and what is gone in its place."""
    gone: dict[Hashable, list[Row]] = {}
    for row in rows:
        if row[1].nbytes < 0:
            gone.setdefault(key(row), []).append(row)
    return [(row, others.pop()) for row in rows if row[1].nbytes > 0 and (others := gone.get(key(row)))]


def _elsewhere(row: Row) -> Hashable:
    """What the same tensors of another layer have in common with these."""
    fqn, one = row
    layer = tuple("*" if INDEX.fullmatch(part) else part for part in fqn.split("."))
    return layer, one.ref_type, one.op, one.shape, one.dtype, one.device, abs(one.count), abs(one.nbytes)


def _made_otherwise(row: Row) -> Hashable:
    fqn, one = row
    return fqn, one.ref_type, one.shape, one.dtype, one.device, abs(one.count), abs(one.nbytes)


def _of_any_dtype(row: Row) -> Hashable:
    # Parameters and the like have no shape here: of those only the bytes are known.
    fqn, one = row
    return fqn, one.ref_type, one.op, one.shape, one.device, abs(one.count)
