"""Names of modules: matching patterns, sorting, and folding repeated layers.

A fully qualified name (FQN) starts with the root's class name, ``GPT.layers.0.attn``, as torch's trackers spell it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TypeAlias, TypeVar

from pytest_footprint.model.braces import escape, expand

Key = TypeVar("Key", bound=Hashable)

INDEX = re.compile(r"0|[1-9][0-9]*")
"""A component that counts: ``01`` and other scripts' digits are names like any other."""
_MOST = 0.8
_Weighed: TypeAlias = tuple[tuple[str, ...], int]
_NUMBERS = re.compile(r"([0-9]+)")


def matches(pattern: str, fqn: str) -> bool:
    """Whether ``pattern`` names the module ``fqn`` or one that contains it.

    ``*`` stands for anything within one component. The root's name may be left out:
    ``layers.*.attn`` finds ``GPT.layers.0.attn`` and ``GPT.layers.0.attn.proj``.
    """
    wanted, found = pattern.split("."), fqn.split(".")
    return _starts_with(found, wanted) or _starts_with(found[1:], wanted)


def _starts_with(found: Sequence[str], wanted: Sequence[str]) -> bool:
    if len(found) < len(wanted):
        return False
    return all(fnmatchcase(name, glob) for name, glob in zip(found, wanted, strict=False))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts ``layers.2`` before ``layers.10``."""
    parts = _NUMBERS.split(name)
    return tuple((0, int(part), "") if at % 2 else (1, 0, part) for at, part in enumerate(parts))


def components(name: str) -> tuple[str, ...]:
    """The parts between dots, escaped; a name with an empty part stays whole, so that nothing of it is lost."""
    return (escape(name),) if ".." in name else tuple(map(escape, name.split(".")))


def fold(fqns: Iterable[str]) -> list[str]:
    """Write names that differ in one index as one: ``layers.{0..31}.attn``. Order: first seen first.

    Lossless but for order and repeats: `unfold` gives the names back.
    """
    names = [components(name) for name in dict.fromkeys(fqns)]
    for position in range(max(map(len, names), default=0)):
        names = _fold_component(names, position)
    return [".".join(name) for name in names]


def _fold_component(names: list[tuple[str, ...]], position: int) -> list[tuple[str, ...]]:
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for name in names:
        if position < len(name) and INDEX.fullmatch(name[position]):
            key = (*name[:position], None, *name[position + 1 :])
            groups.setdefault(key, []).append(int(name[position]))
        else:
            groups[name] = []
    folded = []
    for key, indices in groups.items():
        index = str(indices[0]) if len(indices) == 1 else "{" + _ranges(sorted(indices)) + "}" if indices else ""
        folded.append(tuple(index if part is None else part for part in key))
    return folded


def _ranges(indices: Sequence[int]) -> str:
    """``[0, 1, 2, 5]`` as ``0..2,5``; ``indices`` rise strictly."""
    runs = []
    for _, run in groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        members = [index for _, index in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}..{members[-1]}")
    return ",".join(runs)


def unfold(name: str) -> list[str]:
    """All names that a folded name stands for, in order.

    Raises:
        ValueError: the braces or backslashes in ``name`` do not match.
    """
    return expand(name)


def fold_alike(rows: Iterable[tuple[str, Key]]) -> list[tuple[str, int, Key]]:
    """Fold names whose keys are equal: folded name, how many names it stands for, their key.

    The pairs of ``rows`` are unique. Order: first seen first.
    """
    groups: dict[Key, dict[str, int]] = {}
    for at, (fqn, key) in enumerate(rows):
        groups.setdefault(key, {})[fqn] = at
    folded = []
    for key, places in groups.items():
        for name in fold(places):
            members = unfold(name)
            folded.append((min(places[member] for member in members), name, len(members), key))
    folded.sort(key=lambda row: row[0])
    return [row[1:] for row in folded]


def common_module(rows: Iterable[tuple[str, int]]) -> str:
    """The innermost module around most of the bytes, the same in each repeated layer: ``GPT.blocks.{0..3}.mlp``.

    Args:
        rows: modules, folded or not, and bytes.
    """
    paths = [(components(name), abs(nbytes)) for fqn, nbytes in rows for name in unfold(fqn)]
    depth = 0
    while heads := _largest(paths, depth):
        paths, depth = heads, depth + 1
    [*folded] = fold(".".join(path[:depth]) for path, _ in paths)
    return folded[0]


def _largest(paths: Sequence[_Weighed], depth: int) -> list[_Weighed]:
    """Those that go on alike, repeated layers together, where they have most of the bytes."""
    onward: dict[str, list[_Weighed]] = {}
    for path, nbytes in paths:
        if len(path) > depth and path != ("",):
            part = "*" if INDEX.fullmatch(path[depth]) else path[depth]
            onward.setdefault(part, []).append((path, nbytes))
    total = sum(nbytes for _, nbytes in paths)
    return next((rows for rows in onward.values() if sum(nbytes for _, nbytes in rows) >= _MOST * total), [])
