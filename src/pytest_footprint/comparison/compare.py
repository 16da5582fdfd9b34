"""What differs between two values of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from pytest_footprint.comparison.culprits import culprits
from pytest_footprint.comparison.findings import findings
from pytest_footprint.comparison.graphs import graph_kept
from pytest_footprint.comparison.layers import alone_at_peak
from pytest_footprint.comparison.older import older_memory
from pytest_footprint.comparison.orders import order_changes
from pytest_footprint.comparison.renames import renamed, renamed_structure, under_new_names
from pytest_footprint.comparison.saved import saved_changes
from pytest_footprint.comparison.shifts import shifts
from pytest_footprint.comparison.sizes import size_changes
from pytest_footprint.comparison.structures import structure_changes
from pytest_footprint.comparison.unshards import unshard_changes
from pytest_footprint.model.comparison import Change, Comparison, Order, Signal
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.tolerance import EXACT, Tolerance

Value = TypeVar("Value", Footprint, Hierarchy, Structure)


def compare(before: Value, after: Value, tolerance: Tolerance = EXACT) -> Comparison:
    """List what is not as in ``before``; the tolerance is for byte counts only.

    Raises:
        TypeError: the two are not of the same kind, or of none that can be compared.
    """
    if isinstance(before, Footprint) and isinstance(after, Footprint):
        return _footprints(before, after, tolerance)
    if isinstance(before, Hierarchy) and isinstance(after, Hierarchy):
        return Comparison(tuple(_orders(before, after)))
    if isinstance(before, Structure) and isinstance(after, Structure):
        return Comparison(tuple(_structures(before, after)))
    msg = f"a {type(before).__name__} and a {type(after).__name__} cannot be compared"
    raise TypeError(msg)


def _footprints(stored: Footprint, after: Footprint, tolerance: Tolerance) -> Comparison:
    before = replace(stored, structure=_in_order_of(after.structure, stored.structure))
    numbers, shifted = shifts(before, after)
    if numbers:
        before = replace(renamed(before, numbers), structure=renamed_structure(before.structure, numbers))
    before = under_new_names(before, after)
    changes: tuple[Change, ...] = (
        *size_changes(Signal.PEAK, before.peak, after.peak, tolerance),
        *size_changes(Signal.END, before.end, after.end, tolerance),
        *size_changes(Signal.GROWTH, before.growth, after.growth, tolerance),
        *saved_changes(before.saved, after.saved, tolerance),
        *_orders(before.hierarchy, after.hierarchy),
        *unshard_changes(before, after),
        *shifted,
        *structure_changes(before.structure, after.structure),
    )
    found = culprits(before, after, changes)
    return Comparison(
        changes,
        found,
        graph_kept=graph_kept(before.saved, found),
        older=older_memory(before, after, changes),
        findings=tuple(findings(before, after, changes, found)) if changes else (),
        alone=alone_at_peak(after, found),
        recorded=_recorded(before, after),
    )


def _in_order_of(after: Structure, before: Structure) -> Structure:
    """``before``, where both hold the same: the order of keys is not compared, and what is equal is quick to see."""
    if set(before.tensors) != set(after.tensors):
        return before
    return replace(before, tensors=after.tensors)


def _structures(before: Structure, after: Structure) -> Iterator[Change]:
    before = _in_order_of(after, before)
    numbers, shifted = shifts(Footprint(structure=before), Footprint(structure=after))
    yield from shifted
    yield from structure_changes(renamed_structure(before, numbers), after)


def _orders(before: Hierarchy, after: Hierarchy) -> Iterator[Change]:
    for order in Order:
        yield from order_changes(order, getattr(before, order.value), getattr(after, order.value))


def _recorded(before: Footprint, after: Footprint) -> dict[str, tuple[str, str]]:
    """What both say of where they come from, and the number of steps, where they disagree."""
    then, now = dict(before.environment), dict(after.environment)
    then["steps"], now["steps"] = str(before.steps), str(after.steps)
    return {name: (text, now[name]) for name, text in then.items() if name in now and now[name] != text}
