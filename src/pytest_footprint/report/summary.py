"""Tables at the end of a run, and the short words that fill them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.usage import Usage
from pytest_footprint.report.table import WIDTH, both_ends, table
from pytest_footprint.report.words import kind

_WITH_GPU = WIDTH + 20
"""Columns that a line may take when an allocator told its own peaks: the names of tests are not to pay for them."""


def memory_table(rows: Sequence[tuple[str, str, str, str, str, str, str]], *, verbose: bool = False) -> str:
    """Rows of test, peak, what the allocator allocated and reserved, largest reference type, limit and verdict.

    Without a GPU no allocator tells its own peak, and its two columns are left out.
    """
    headers = ("test", "peak", "allocated", "reserved", "largest", "limit", "verdict")
    lines: list[tuple[str, ...]] = [headers, *rows]
    width = _WITH_GPU
    if not any(allocated or reserved for _, _, allocated, reserved, *_ in rows):
        lines, width = [(*line[:2], *line[4:]) for line in lines], WIDTH
    right = "peak allocated reserved limit"
    return table(lines[0], lines[1:], right=right, elastic={"test": both_ends}, width=None if verbose else width)


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
