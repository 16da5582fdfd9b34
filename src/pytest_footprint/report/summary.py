"""Tables at the end of a run, and the short words that fill them."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.usage import Usage
from pytest_footprint.report.table import WIDTH, both_ends, table
from pytest_footprint.report.words import kind


def memory_table(rows: Iterable[tuple[str, str, str, str, str]], *, verbose: bool = False) -> str:
    """Rows of test, peak, its largest reference type, limit and verdict, under headers."""
    headers = ("test", "peak", "largest", "limit", "verdict")
    return table(headers, list(rows), right="peak limit", elastic={"test": both_ends}, width=None if verbose else WIDTH)


def update_table(rows: Iterable[tuple[str, str, str]], *, verbose: bool = False) -> str:
    """Rows of baseline, old and new (see `brief`), under headers; old is ``""`` when there was none."""
    cells = [(baseline, old or "-", "->", new) for baseline, old, new in rows]
    return table(
        ("baseline", "old", "", "new"), cells, elastic={"baseline": both_ends}, width=None if verbose else WIDTH
    )


def brief(value: Footprint | Hierarchy | Structure) -> str:
    """A value in a few words."""
    if isinstance(value, Footprint):
        return ", ".join(f"{device} peak {usage.total}" for device, usage in value.peak.items()) or "no memory"
    if isinstance(value, Hierarchy):
        counts = (len(value.forward), len(value.backward), len(value.recomputed))
        return f"{counts[0]} forward, {counts[1]} backward, {counts[2]} recomputed"
    tied = f", {len(value.tied)} tied" if value.tied else ""
    return f"{len(value.tensors)} tensors{tied}"


def largest(usage: Usage) -> str:
    """The reference type that holds the most, with its bytes; ``""`` when nothing is held."""
    kinds = sorted(usage.items(), key=lambda item: -item[1])
    return f"{kind(kinds[0][0])} {kinds[0][1]}" if kinds else ""
