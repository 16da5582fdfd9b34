"""What a model's state_dict holds, and what is tied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_footprint.model.comparison import Signal, TextChange
from pytest_footprint.model.fqn import INDEX, fold, fold_alike, unfold
from pytest_footprint.model.structure import Structure

RENAMED = "key renamed"
TIED = "tied"
_LAYERS = re.compile(r"\d+|\{[\d.,]+\}")
_FEW = 3
"""Looks that one line tells."""


def structure_changes(before: Structure, after: Structure) -> Iterator[TextChange]:
    """Keys renamed, gone, new, of another shape or dtype; then tied groups."""
    if before == after:
        return
    then, now = _specs(before), _specs(after)
    gone, new = _gone(then, now), _gone(now, then)
    renamed = _renames(gone, new, then, now)
    yield from _folded_renames(renamed)
    arrived = set(renamed.values())
    specs = [
        *((name, (then[name], "")) for name in gone if name not in renamed),
        *((name, ("", now[name])) for name in new if name not in arrived),
        *((name, (then[name], now[name])) for name in then if now.get(name, then[name]) != then[name]),
    ]
    for name, (was, is_now) in _layers_together(specs):
        yield TextChange(Signal.STRUCTURE, name, was, is_now)
    yield from _tied(before, after, renamed)


def _layers_together(specs: Sequence[tuple[str, tuple[str, str]]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Keys of repeated layers as one; those that came, or went, also where their looks are not the same."""
    shapes: dict[str, dict[str, tuple[str, str]]] = {}
    for name, _, look in fold_alike(specs):
        came_or_went = not all(look)
        layers = (
            ".".join("*" if _LAYERS.fullmatch(part) else part for part in name.split(".")) if came_or_went else name
        )
        shapes.setdefault(layers, {})[name] = look
    for same in shapes.values():
        names = fold(each for name in same for each in unfold(name))
        if len(names) == 1 < len(same) <= _FEW:
            was, is_now = (", ".join(dict.fromkeys(filter(None, looks))) for looks in zip(*same.values(), strict=True))
            yield names[0], (was, is_now)
        else:
            yield from same.items()


def renamed_keys(before: Structure, after: Structure) -> dict[str, str]:
    """Old name -> new name of the tensors that are most likely the same."""
    if before.tensors == after.tensors:
        return {}
    then, now = _specs(before), _specs(after)
    return _renames(_gone(then, now), _gone(now, then), then, now)


def _gone(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in then if name not in now]


def _specs(structure: Structure) -> dict[str, str]:
    return {spec.name: f"{spec.dtype}[{', '.join(map(str, spec.shape))}]" for spec in structure.tensors}


def _renames(
    gone: Sequence[str], new: Sequence[str], then: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str]:
    """Pairs that look alike and share their last or all but their last component: the same tensor, most likely."""
    free: dict[tuple[str, str], list[str]] = {}
    for name in reversed(new):
        for part in _ends(name):
            free.setdefault((now[name], part), []).append(name)
    taken: set[str] = set()
    renamed = {}
    for name in gone:
        for part in _ends(name):
            candidates = free.get((then[name], part), [])
            while candidates and candidates[-1] in taken:
                candidates.pop()
            if candidates:
                renamed[name] = candidates.pop()
                taken.add(renamed[name])
                break
    return renamed


def _ends(name: str) -> tuple[str, str]:
    head, _, tail = name.rpartition(".")
    return f"*.{tail}", f"{head}.*"


def _folded_renames(renamed: Mapping[str, str]) -> Iterator[TextChange]:
    for name, _, _ in fold_alike((old, _without_shared_indices(old, new)) for old, new in renamed.items()):
        arrived = ", ".join(fold(renamed[old] for old in unfold(name)))
        yield TextChange(Signal.STRUCTURE, RENAMED, name, arrived)


def _without_shared_indices(old: str, new: str) -> tuple[str, ...]:
    """What renames of repeated layers have in common."""
    indices = [part for part in old.split(".") if INDEX.fullmatch(part)]
    return tuple("{}" if part in indices else part for part in new.split("."))


def _tied(before: Structure, after: Structure, renamed: Mapping[str, str]) -> Iterator[TextChange]:
    then = [frozenset(renamed.get(name, name) for name in group) for group in before.tied]
    now = [frozenset(group) for group in after.tied]
    lost = [group for group in then if group not in now]
    for group in (group for group in now if group not in then):
        was = next((other for other in lost if other & group), frozenset())
        lost = [other for other in lost if other is not was]
        yield TextChange(Signal.STRUCTURE, TIED, _words(was), _words(group))
    for group in lost:
        yield TextChange(Signal.STRUCTURE, TIED, _words(group), "")


def _words(names: frozenset[str]) -> str:
    return " = ".join(fold(sorted(names)))
