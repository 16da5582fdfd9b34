"""What may stand on the other side of ``== mem_baseline``."""

from __future__ import annotations

import re
from typing import Protocol, runtime_checkable

from pytest_footprint.baseline.kinds import Value
from pytest_footprint.baseline.paths import ANY_DEVICE
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.structure import Structure

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@runtime_checkable
class _HasFootprint(Protocol):
    def footprint(self) -> Footprint: ...


@runtime_checkable
class _HasHierarchy(Protocol):
    def hierarchy(self) -> Hierarchy: ...


def measured(value: object) -> Value:
    """The value to compare: trackers stand for what they recorded until now.

    Raises:
        TypeError: it is neither a tracker nor a value that a baseline can hold.
    """
    if isinstance(value, Footprint | Hierarchy | Structure | RankValues):
        return value
    if isinstance(value, _HasFootprint):
        return value.footprint()
    if isinstance(value, _HasHierarchy):
        return value.hierarchy()
    msg = (
        f"a memory baseline cannot hold a value of type {type(value).__name__!r};"
        " compare a Footprint, a Hierarchy, a Structure, mem_tracker or mod_tracker"
    )
    if callable(value) and hasattr(value, "__name__"):
        msg += f"; call it first: {value.__name__}()"
    raise TypeError(msg)


def device_key(value: Value) -> str:
    """The part of a baseline's file name that tells devices apart, e.g. ``cpu`` or ``cuda-NVIDIA-H200``."""
    if isinstance(value, RankValues):
        value = value.common
    if not isinstance(value, Footprint):
        return ANY_DEVICE
    # The name becomes part of a file name: only letters that every file system takes.
    return _UNSAFE.sub("-", value.environment.get("device", "cpu")).strip("-") or "cpu"
