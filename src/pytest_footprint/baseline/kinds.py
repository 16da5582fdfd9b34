"""The values that a baseline can hold."""

from __future__ import annotations

from typing import TypeAlias

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.structure import Structure

OneValue: TypeAlias = Footprint | Hierarchy | Structure
Value: TypeAlias = OneValue | RankValues[OneValue]
"""One of them, or one for each rank of a distributed program."""

KINDS: dict[str, type[OneValue]] = {"footprint": Footprint, "hierarchy": Hierarchy, "structure": Structure}


def kind_of(value: Value) -> str:
    """The word for its kind in files; of several ranks that of one of them."""
    return kind_name(type(value.common if isinstance(value, RankValues) else value))


def kind_name(kind: type[OneValue]) -> str:
    """The word for a type in files.

    Raises:
        ValueError: a baseline cannot hold this type.
    """
    for name, each in KINDS.items():
        if issubclass(kind, each):
            return name
    msg = f"a baseline holds a {', a '.join(KINDS)}; it cannot hold a {kind.__name__}"
    raise ValueError(msg)
