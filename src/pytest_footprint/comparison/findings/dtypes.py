"""Dtypes that came into a step which had none of them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_footprint.model.finding import NewDtype
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import common_module


def new_dtypes(before: Footprint, after: Footprint) -> Iterator[NewDtype]:
    """Floating ones: those are what precision is about."""
    had = {dtype for dtype, _, _ in _seen(before)}
    new: dict[str, list[tuple[str, int]]] = {}
    for dtype, fqn, nbytes in _seen(after):
        if "float" in dtype and had and dtype not in had:
            new.setdefault(dtype, []).append((fqn, nbytes))
    for dtype, rows in new.items():
        yield NewDtype(dtype, common_module(rows))


def _seen(footprint: Footprint) -> Iterator[tuple[str, str, int]]:
    for group in (*footprint.at_peak, *footprint.at_end):
        yield group.dtype, group.fqn, group.nbytes
    for row in footprint.saved:
        yield row.dtype, row.fqn, row.nbytes
