"""Modules that only have another number, since one came into their ``Sequential`` or left it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pytest_footprint.model.comparison import ModulesShifted
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import INDEX, fold, fold_alike


@dataclass(frozen=True, slots=True)
class _Shift:
    """Of the children of one module, by number."""

    new: tuple[int, ...]
    gone: tuple[int, ...]
    moved: tuple[tuple[int, int], ...]
    like_new: tuple[int, ...]
    """With those beside them that look the same, of which any may be the new one."""
    like_gone: tuple[int, ...]

    @property
    def certain(self) -> tuple[tuple[int, int], ...]:
        """Those that moved whichever it is."""
        return tuple((old, at) for old, at in self.moved if old not in self.like_gone and at not in self.like_new)


def shifts(before: Footprint, after: Footprint) -> tuple[dict[str, str], tuple[ModulesShifted, ...]]:
    """Old name -> new name of each child that moved, and the same to be told."""
    if before.structure.tensors == after.structure.tensors and before.forward == after.forward:
        return {}, ()  # by far the commonest
    names: dict[str, str] = {}
    found = []
    then, now = _containers(before), _containers(after)
    for name in then:
        if name in now and (shift := _shift(then[name], now[name])):
            found.append((name, shift))
            names |= {f"{name}.{old}": f"{name}.{new}" for old, new in shift.moved}
            # Another has their number now.
            names |= {f"{name}.{old}": f"{name}.{old} (before)" for old in shift.gone if old in now[name]}
    told = [_told(container, shift) for container, _, shift in fold_alike(found)]
    return names, tuple(told)


def _told(container: str, shift: _Shift) -> ModulesShifted:
    new, gone, old, moved = (
        ", ".join(fold(f"{container}.{index}" for index in indices)) if indices else ""
        for indices in (shift.like_new, shift.like_gone, *zip(*shift.certain, strict=True))
    )
    [by, *_] = (at - old for old, at in shift.certain)
    one_of = len(shift.like_new) > len(shift.new) or len(shift.like_gone) > len(shift.gone)
    return ModulesShifted(new, gone, old, moved, len(shift.certain), by, one_of)


_Looks = Mapping[int, tuple[Hashable, Hashable]]
"""Of each child what it holds and calls, and what it saves where it holds nothing."""


def _containers(footprint: Footprint) -> dict[str, _Looks]:
    """Modules with numbered children, ``0`` to the last without a gap."""
    specs: dict[str, dict[int, set[str]]] = {}
    for spec in footprint.structure.tensors:
        _note(specs, spec.name, f"{spec.dtype}{spec.shape}")
    calls: dict[str, dict[int, set[str]]] = {}
    for fqn in footprint.forward:
        _note(calls, fqn, "")
    ops: dict[str, dict[int, set[str]]] = {}
    for row in footprint.saved:
        _note(ops, row.fqn, row.op)
    found: dict[str, _Looks] = {}
    for name in dict.fromkeys((*specs, *calls)):
        held, called, saved = specs.get(name, {}), calls.get(name, {}), ops.get(name, {})
        indices = sorted({*held, *called})
        if indices == [*range(len(indices))] and len(indices) > 1:
            found[name] = {
                index: (
                    (frozenset(held.get(index, ())), frozenset(called.get(index, ()))),
                    frozenset() if held.get(index) else frozenset(saved.get(index, ())),
                )
                for index in indices
            }
    return found


def _note(found: dict[str, dict[int, set[str]]], fqn: str, look: str) -> None:
    parts = fqn.split(".")
    for at, part in enumerate(parts):
        if at and INDEX.fullmatch(part):
            inside = ".".join((*parts[at + 1 :], look))
            found.setdefault(".".join(parts[:at]), {}).setdefault(int(part), set()).add(inside)


def _shift(then: _Looks, now: _Looks) -> _Shift | None:
    """Where some came, or some went, and others with parameters have another number for that alone."""
    if len(then) == len(now):
        return None
    whole = _aligned([*then.values()], [*now.values()])
    # What a module without parameters saves may be another module's: then all of its like are the same.
    return whole or _aligned([look for look, _ in then.values()], [look for look, _ in now.values()])


def _aligned(then: Sequence[Hashable], now: Sequence[Hashable]) -> _Shift | None:
    blocks = SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks()
    pairs = {block.a + at: block.b + at for block in blocks for at in range(block.size)}
    new = tuple(at for at in range(len(now)) if at not in pairs.values())
    gone = tuple(at for at in range(len(then)) if at not in pairs)
    moved = tuple((old, at) for old, at in pairs.items() if old != at)
    if not moved or (new and gone):
        return None
    shift = _Shift(new, gone, moved, _alike(now, new), _alike(then, gone))
    return shift if shift.certain else None


def _alike(looks: Sequence[Hashable], indices: Sequence[int]) -> tuple[int, ...]:
    """``indices`` and those right beside them that look the same."""
    found = {*indices}
    for at in indices:
        for step in (-1, 1):
            beside = at + step
            while 0 <= beside < len(looks) and looks[beside] == looks[at]:
                found.add(beside)
                beside += step
    return tuple(sorted(found))
