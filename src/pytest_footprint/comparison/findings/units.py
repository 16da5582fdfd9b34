"""What FSDP gathers together: modules that stay whole, and modules that are sharded with another one."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_footprint.model.finding import NotSharded, NowSharded, StaysWhole
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold, fold_alike
from pytest_footprint.model.unshard import BACKWARD, FORWARD


def otherwise_unsharded(before: Footprint, after: Footprint) -> Iterator[StaysWhole | NotSharded | NowSharded]:
    """Units are named as FSDP groups them, ``Net.a, Net.b``."""
    forward, backward = after.unshards(FORWARD), after.unshards(BACKWARD)
    lost = [unit for unit in dict.fromkeys(before.unshards(BACKWARD)) if unit not in backward]
    whole = [unit for unit in lost if unit in forward and _runs(unit, after.backward)]
    for fqn in fold(whole):
        yield StaysWhole(fqn)
    units = dict.fromkeys((*forward, *backward))
    alone = dict.fromkeys((*before.unshards(FORWARD), *before.unshards(BACKWARD)))
    gone = [unit for unit in alone if unit not in units and _runs(unit, after.forward)]
    joined = [(unit, _around(unit, units)) for unit in gone if not all(name in units for name in unit.split(", "))]
    for fqn, _, root in fold_alike(joined):
        yield NotSharded(fqn, root)
    new = [unit for unit in units if unit not in alone and _runs(unit, before.forward)]
    took = {root for _, root in joined}
    if names := fold(unit for unit in new if unit not in took and not _members(unit) & _members(*alone)):
        yield NowSharded(", ".join(names))


def _runs(unit: str, order: tuple[str, ...]) -> bool:
    return all(name in order for name in unit.split(", "))


def _around(unit: str, units: dict[str, None]) -> str:
    """The innermost unit around this one, or the one that it is a part of."""
    parts = _members(unit)
    around = [
        other
        for other in units
        if parts <= _members(other) or any(unit.startswith(f"{name}.") for name in _members(other))
    ]
    return max(around, key=len, default="")


def _members(*units: str) -> set[str]:
    return {name for unit in units for name in unit.split(", ")}
