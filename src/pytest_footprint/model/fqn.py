"""Names of modules: matching patterns and folding repeated layers.

A fully qualified name (FQN) starts with the root's class name, ``GPT.layers.0.attn``, as torch's trackers spell it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TypeVar

Row = TypeVar("Row")

_RANGE = re.compile(r"\{(\d+(?:\.\.\d+)?(?:,\d+(?:\.\.\d+)?)*)\}")


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


def fold(fqns: Iterable[str]) -> list[str]:
    """Write names that differ in one index as one: ``layers.{0..31}.attn``. Order: first seen first.

    Lossless but for order and repeats: `unfold` gives the names back.
    """
    names = list(dict.fromkeys(fqns))
    for position in range(max((name.count(".") + 1 for name in names), default=0)):
        names = _fold_component(names, position)
    return names


def _fold_component(names: list[str], position: int) -> list[str]:
    groups: dict[tuple[str, ...], list[int]] = {}
    order: dict[tuple[str, ...] | str, None] = {}
    for name in names:
        parts = name.split(".") if ".." not in name else _split(name)
        if position < len(parts) and parts[position].isdecimal():
            key = (*parts[:position], "", *parts[position + 1 :])
            groups.setdefault(key, []).append(int(parts[position]))
            order[key] = None
        else:
            order[name] = None
    folded = []
    for key_or_name in order:
        if isinstance(key_or_name, str):
            folded.append(key_or_name)
            continue
        indices = groups[key_or_name]
        index = str(indices[0]) if len(indices) == 1 else "{" + ranges(sorted(indices)) + "}"
        folded.append(".".join(part or index for part in key_or_name))
    return folded


def _split(name: str) -> list[str]:
    """Split at dots that are not inside braces."""
    return re.split(r"\.(?![^{]*\})", name)


def ranges(indices: Sequence[int]) -> str:
    """``[0, 1, 2, 5]`` as ``0..2,5``; ``indices`` rise strictly."""
    runs = []
    for _, run in groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        members = [index for _, index in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}..{members[-1]}")
    return ",".join(runs)


def unfold(name: str) -> Iterator[str]:
    """All names that a folded name stands for."""
    match = _RANGE.search(name)
    if match is None:
        yield name
        return
    for part in match[1].split(","):
        first, _, last = part.partition("..")
        for index in range(int(first), int(last or first) + 1):
            yield from unfold(f"{name[: match.start()]}{index}{name[match.end() :]}")


def fold_by(
    rows: Iterable[Row], *, fqn: Callable[[Row], str], alike: Callable[[Row], Hashable]
) -> Iterator[tuple[str, Row]]:
    """Fold rows that are ``alike`` but for their module: pairs of folded name and first row."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(alike(row), []).append(row)
    for group in groups.values():
        by_name = {fqn(row): row for row in group}
        for name in fold(by_name):
            yield name, by_name[next(unfold(name))]
