"""Modules that have another name now: what they do is compared under the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_footprint.comparison.structures import renamed_keys
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.saved_tensor import SavedTensors
from pytest_footprint.model.structure import Structure


def under_new_names(before: Footprint, after: Footprint) -> Footprint:
    """``before`` with the names that modules have in ``after``, so that a rename is one change and not hundreds.

    The structure keeps its names: that is where renames are told.
    """
    return renamed(before, _renamed_modules(before, after))


def renamed(before: Footprint, names: Mapping[str, str]) -> Footprint:
    """``before`` with new names of modules in all but its structure."""
    if not names:
        return before
    return replace(
        before,
        saved=SavedTensors(tuple(replace(row, fqn=_renamed(row.fqn, names)) for row in before.saved)),
        at_peak=_groups(before.at_peak, names),
        at_end=_groups(before.at_end, names),
        forward=tuple(_renamed(fqn, names) for fqn in before.forward),
        backward=tuple(_renamed(fqn, names) for fqn in before.backward),
        unsharded=tuple(
            replace(each, fqn=", ".join(_renamed(fqn, names) for fqn in each.fqn.split(", ")))
            for each in before.unsharded
        ),
        recomputed=tuple(_renamed(fqn, names) for fqn in before.recomputed),
    )


def renamed_structure(structure: Structure, names: Mapping[str, str]) -> Structure:
    """The same tensors under new names of modules."""
    if not names:
        return structure
    return Structure(
        tuple(replace(spec, name=_renamed(spec.name, names)) for spec in structure.tensors),
        tuple(tuple(_renamed(name, names) for name in group) for group in structure.tied),
    )


def _renamed_modules(before: Footprint, after: Footprint) -> dict[str, str]:
    """Old name -> new name of the outermost modules whose keys were all renamed alike."""
    found: dict[str, str] = {}
    for old, new in renamed_keys(before.structure, after.structure).items():
        module, name = _without_common_end(old.split("."), new.split("."))
        if found.setdefault(module, name) != name:
            return {}
    # A module that still has keys under its old name, or that ran under its new one, is not the same module.
    left = {spec.name for spec in after.structure.tensors}
    there = {spec.name for spec in before.structure.tensors}
    return {
        old: new
        for old, new in found.items()
        if old and not (_inside(left, old) or _inside(after.forward, old))
        if new and not (_inside(there, new) or _inside(before.forward, new))
    }


def _without_common_end(old: list[str], new: list[str]) -> tuple[str, str]:
    """Names of the modules that the two keys differ in, or of the parameters when those differ."""
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return ".".join(old), ".".join(new)


def _inside(names: Iterable[str], module: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for name in names)


def _renamed(fqn: str, names: Mapping[str, str]) -> str:
    parts = fqn.split(".")
    for length in range(len(parts), 0, -1):
        if new := names.get(".".join(parts[:length])):
            return ".".join((new, *parts[length:]))
    return fqn


def _groups(groups: Iterable[LiveGroup], names: Mapping[str, str]) -> tuple[LiveGroup, ...]:
    return tuple(replace(group, fqn=_renamed(group.fqn, names)) for group in groups)
