"""Tensor memory and module structure of PyTorch code, as testable as return values.

Every pytest run with the plugin installed imports this package, so all names load on first use, the trackers
(which need torch) included.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_footprint.comparison import compare
    from pytest_footprint.model.byte_size import ByteSize
    from pytest_footprint.model.comparison import Comparison
    from pytest_footprint.model.footprint import Footprint
    from pytest_footprint.model.handover import hand_over
    from pytest_footprint.model.hierarchy import Hierarchy
    from pytest_footprint.model.rank_footprints import RankFootprints
    from pytest_footprint.model.ref_type import RefType
    from pytest_footprint.model.structure import Structure
    from pytest_footprint.model.tolerance import Tolerance
    from pytest_footprint.model.usage import DeviceUsage, Usage
    from pytest_footprint.tracking import FSDPMemTracker, MemTracker, ModTracker, ModuleTracker
    from pytest_footprint.tracking.assertions.saving import ArmsComparison
    from pytest_footprint.tracking.assertions.scaling import Scaling
    from pytest_footprint.tracking.distributed.fake_world import FakeWorld

__all__ = [
    "ArmsComparison",
    "ByteSize",
    "Comparison",
    "DeviceUsage",
    "FSDPMemTracker",
    "FakeWorld",
    "Footprint",
    "Hierarchy",
    "MemTracker",
    "ModTracker",
    "ModuleTracker",
    "RankFootprints",
    "RefType",
    "Scaling",
    "Structure",
    "Tolerance",
    "Usage",
    "compare",
    "hand_over",
]

_HOMES = {
    "ArmsComparison": "tracking.assertions.saving",
    "ByteSize": "model.byte_size",
    "Comparison": "model.comparison",
    "DeviceUsage": "model.usage",
    "FSDPMemTracker": "tracking",
    "FakeWorld": "tracking.distributed.fake_world",
    "Footprint": "model.footprint",
    "Hierarchy": "model.hierarchy",
    "MemTracker": "tracking",
    "ModTracker": "tracking",
    "ModuleTracker": "tracking",
    "RankFootprints": "model.rank_footprints",
    "RefType": "model.ref_type",
    "Scaling": "tracking.assertions.scaling",
    "Structure": "model.structure",
    "Tolerance": "model.tolerance",
    "Usage": "model.usage",
    "compare": "comparison",
    "hand_over": "model.handover",
}


def __getattr__(name: str) -> Any:
    """Load the module that holds ``name``.

    Raises:
        AttributeError: the package has no such name.
    """
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
