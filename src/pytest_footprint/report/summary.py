"""Tables at the end of a run, and the short words that fill them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.usage import Usage
from pytest_footprint.report.ranks import ranks_brief
from pytest_footprint.report.table import WIDTH, beginning, both_ends, ending, table
from pytest_footprint.report.words import kind, percent, signed

_COLUMNS = ("test", "peak", "allocated", "reserved", "largest", "module", "limit", "verdict")
_LESS = {-1: ("allocated", "reserved", "largest", "module", "limit"), 0: ("module",)}
"""Verbosity -> columns that it leaves out."""
_ELASTIC = {"test": both_ends, "module": ending, "limit": beginning}
_TEST_NAME = 24
"""Letters that the name of a test should have before other columns give way."""
_IN_FULL = 2
"""Verbosity at which nothing is shortened."""


def memory_table(rows: Sequence[Mapping[str, str]], *, verbosity: int = 0, width: int = WIDTH) -> str:
    """A line for each tracked test under headers.

    Where the lines do not fit, columns in the middle are left out before names become unreadable, unless verbose.

    Args:
        rows: the cells ``test``, ``peak``, ``allocated`` and ``reserved`` (at most, by the allocator of a GPU),
            ``largest`` (reference type), ``module``, ``limit``, ``verdict``, and those of other plugins, which stand
            before the limit.
        verbosity: below 0 shows test, peak and verdict; 1 shows all columns, also the module; 2 shortens nothing.
        width: columns that a line should fit in.
    """
    others = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in _COLUMNS]
    at = _COLUMNS.index("limit")
    hidden = _LESS.get(max(min(verbosity, 1), -1), ())
    names = [name for name in (*_COLUMNS[:at], *others, *_COLUMNS[at:]) if name not in hidden]
    names = [name for name in names if name == "test" or any(row.get(name) for row in rows)]
    if verbosity < 1:
        for name in ("largest", *others, "reserved", "allocated", "limit"):
            if name in names and _least(names, rows) > width:
                names.remove(name)
    cells = [[row.get(name, "") for name in names] for row in rows]
    elastic = {name: cut for name, cut in _ELASTIC.items() if name in names}
    fit = None if verbosity >= _IN_FULL else width
    return table(names, cells, right="peak allocated reserved limit", elastic=elastic, width=fit)


def _least(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> int:
    """Columns that lines take at least."""
    widths = {name: max(len(name), *(len(row.get(name, "")) for row in rows)) for name in names}
    return (
        sum(min(size, _TEST_NAME) if name in _ELASTIC else size for name, size in widths.items()) + 2 * len(names) - 2
    )


def update_table(rows: Iterable[tuple[str, str, str]], *, verbose: bool = False, width: int = WIDTH) -> str:
    """Rows of baseline, old and new (see `brief`), under headers; old is ``""`` when there was none."""
    cells = [(baseline, old or "-", "->", new) for baseline, old, new in rows]
    return table(
        ("baseline", "old", "", "new"), cells, elastic={"baseline": both_ends}, width=None if verbose else width
    )


def update_totals(new: int, peaks: Sequence[tuple[int, int]], others: int = 0) -> str:
    """How many baselines were written, and what that comes to in bytes.

    Args:
        new: baselines that were not there.
        peaks: the old and the new peak of each that was changed.
        others: changed ones that have no peak: orders, structures, and those that could not be read.
    """
    changed = len(peaks) + others
    counts = [f"{count} {word}" for count, word in ((new, "new"), (changed, "changed")) if count]
    total = new + changed
    text = f"{total} baseline{'s' * (total > 1)} written: {', '.join(counts)}"
    if not peaks:
        return text
    before, after = sum(old for old, _ in peaks), sum(now for _, now in peaks)
    difference = f"{signed(after - before)}, {percent((after - before) / before * 100)}" if before else "new"
    same = after == before
    return f"{text}; changed peaks {ByteSize(before)} -> {ByteSize(after)} ({'as before' if same else difference})"


def brief(value: Footprint | Hierarchy | Structure | RankValues[Any]) -> str:
    """A value in a few words; of several ranks the value of most of them."""
    if isinstance(value, RankValues):
        return ranks_brief(value, brief(value.common))
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
