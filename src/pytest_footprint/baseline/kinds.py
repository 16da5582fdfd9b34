"""The values that a baseline can hold."""

from __future__ import annotations

from typing import TypeAlias

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure

Value: TypeAlias = Footprint | Hierarchy | Structure

KINDS: dict[str, type[Value]] = {"footprint": Footprint, "hierarchy": Hierarchy, "structure": Structure}


def kind_of(kind: type[Value]) -> str:
    """The word for it in files.

    Raises:
        ValueError: a baseline cannot hold this type.
    """
    for name, each in KINDS.items():
        if issubclass(kind, each):
            return name
    msg = f"a baseline holds a {', a '.join(KINDS)}; it cannot hold a {kind.__name__}"
    raise ValueError(msg)
