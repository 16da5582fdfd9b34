"""Any value that a baseline holds, as a person reads it."""

from __future__ import annotations

from typing import Any

from pytest_footprint.model.call_order import fold_order
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.rank_footprints import RankFootprints
from pytest_footprint.model.rank_numbers import ranks_said
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.structure import Structure
from pytest_footprint.report.footprint_table import footprint_text
from pytest_footprint.report.ranks import extremes
from pytest_footprint.report.table import WIDTH, indented, table, wrapped
from pytest_footprint.report.words import tensors


def value_text(value: Footprint | Hierarchy | Structure | RankValues[Any], *, verbose: bool = False) -> str:
    """Tables of a footprint, the three orders of a hierarchy, the tensors of a structure; of ranks all that differ."""
    if isinstance(value, RankValues):
        told = [f"{ranks_said(group.ranks)}:\n\n{value_text(group.value, verbose=verbose)}" for group in value.groups]
        return "\n\n".join([*([extremes(value)] if isinstance(value, RankFootprints) else []), *told])
    if isinstance(value, Footprint):
        return footprint_text(value, verbose=verbose)
    if isinstance(value, Hierarchy):
        return "\n\n".join(order_text(name, fqns, verbose=verbose) for name, fqns in orders(value))
    return _structure(value)


def orders(value: Hierarchy) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The three orders with their names."""
    return ("forward", value.forward), ("backward", value.backward), ("recomputed", value.recomputed)


def order_text(name: str, fqns: tuple[str, ...], *, verbose: bool) -> str:
    """The calls of one order, folded unless all is to be shown."""
    lines = list(fqns) if verbose else [part for row in fold_order(fqns) for part in wrapped(row, WIDTH - 2)]
    return "\n".join([f"{name}, {len(fqns)} calls:", *(indented(line) for line in lines)])


def _structure(value: Structure) -> str:
    looks = ((each.name, tensors(1, each.dtype, each.shape)) for each in value.tensors)
    text = table(("tensor", "dtype and shape"), [(name, what) for name, _, what in fold_alike(looks)])
    tied = [f"tied: {', '.join(fold_order(names))}" for names in value.tied]
    return "\n\n".join(filter(None, [text, "\n".join(tied)]))
