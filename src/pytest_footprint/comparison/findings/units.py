"""What FSDP gathers together: modules that stay whole, and modules that are sharded with another one."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_footprint.model.finding import NotSharded, StaysWhole
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold, fold_alike
from pytest_footprint.model.unshard import BACKWARD, FORWARD


def otherwise_unsharded(before: Footprint, after: Footprint) -> Iterator[StaysWhole | NotSharded]:
    """Units are named as FSDP groups them, ``Net.a, Net.b``."""
    forward, backward = after.unshards(FORWARD), after.unshards(BACKWARD)
    lost = [unit for unit in dict.fromkeys(before.unshards(BACKWARD)) if unit not in backward]
    whole = [unit for unit in lost if unit in forward and _runs(unit, after.backward)]
    for fqn in fold(whole):
        yield StaysWhole(fqn)
    units = dict.fromkeys((*forward, *backward))
    alone = dict.fromkeys((*before.unshards(FORWARD), *before.unshards(BACKWARD)))
    joined = [(unit, _around(unit, units)) for unit in alone if unit not in units and _runs(unit, after.forward)]
    for fqn, _, root in fold_alike(joined):
        yield NotSharded(fqn, root)


def _runs(unit: str, order: tuple[str, ...]) -> bool:
    return all(name in order for name in unit.split(", "))


def _around(unit: str, units: dict[str, None]) -> str:
    """The innermost unit around this one."""
    around = [other for other in units if unit.startswith(f"{other}.")]
    return max(around, key=len, default="")
