"""Values of several ranks, and how they differ from their baseline, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.rank_comparison import RankComparison
from pytest_footprint.model.rank_footprints import RankFootprints
from pytest_footprint.model.rank_numbers import rank_numbers, ranks_said
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.usage import Usage
from pytest_footprint.report.failure import difference_parts
from pytest_footprint.report.headline import headline, improved
from pytest_footprint.report.table import WIDTH, beginning, indented, table
from pytest_footprint.report.words import VERBOSE, more, signed

_ROWS = 10


def ranks_failure_text(
    comparison: RankComparison,
    before: RankValues[Any],
    after: RankValues[Any],
    *,
    accept: str,
    verbose: bool = False,
) -> str:
    """Which ranks differ and how, the peak and end of every rank, and how to accept it.

    Args:
        comparison: of ``before`` and ``after``, with something that differs.
        before: the baseline.
        after: what was measured.
        accept: the command that makes it the new baseline.
        verbose: show every row, in full.
    """
    said = "to accept it as the new baseline"
    parts = [ranks_headline(comparison)]
    if comparison.differences:
        if all(map(improved, (one.comparison for one in comparison.differences))):
            said = "this is less memory; where that was meant, store it, so that it is defended from now on"
        parts = difference_parts(comparison.main, parts[0], verbose=verbose)
        if len(comparison.differences) > 1:
            parts.insert(1, f"told below: {ranks_said(comparison.differences[0].ranks)}, which grew most")
    if isinstance(before, RankFootprints) and isinstance(after, RankFootprints):
        parts.append(_by_rank(before, after, None if verbose else _ROWS))
    return "\n\n".join([*parts, f"{said}: {accept}"])


def ranks_headline(comparison: RankComparison) -> str:
    """The ranks that differ, and what differs where most grew."""
    before, after = comparison.ranks_before, comparison.ranks_after
    if before != after:
        return f"the baseline is of {ranks_said(before)}, and this is of {ranks_said(after)}"
    differing = comparison.differing
    if len(differing) == len(after):
        return f"all {len(after)} ranks: {headline(comparison.main)}"
    return f"{ranks_said(differing)} of {len(after)}: {headline(comparison.main)}"


def _by_rank(before: RankFootprints, after: RankFootprints, limit: int | None) -> str:
    """Peak and end of each group of ranks."""
    rows = []
    for ranks, then, now in _groups(before, after):
        name = rank_numbers(ranks)
        for what, was, is_now in _totals(then, now):
            rows.append((name, what, str(was), str(is_now), signed(is_now - was) if is_now != was else ""))
            name = ""
    shown = rows if limit is None else rows[:limit]
    headers = ("rank", "what", "baseline", "now", "difference")
    text = table(headers, shown, right="baseline now difference", elastic={"rank": beginning}, width=WIDTH)
    if len(shown) < len(rows):
        text += f"\n{more(len(rows) - len(shown), VERBOSE)}"
    return f"{extremes(after)}\n{indented(text)}"


def extremes(values: RankFootprints) -> str:
    """``peak of the ranks: 4 MiB on rank 0 to 6 MiB on rank 3``, for each device."""
    lines = []
    for device in dict.fromkeys(device for footprint in values.values() for device in footprint.peak):
        peaks = {rank: _peak(footprint, device) for rank, footprint in values.items()}
        low, high = min(peaks.values()), max(peaks.values())
        if low == high:
            lines.append(f"{device} peak of all {len(values)} ranks: {high}")
            continue
        least, most = (ranks_said(rank for rank in peaks if peaks[rank] == size) for size in (low, high))
        lines.append(f"{device} peak of the ranks: min {low} ({least}), max {high} ({most})")
    return "\n".join(lines)


def _peak(footprint: Footprint, device: str) -> ByteSize:
    return footprint.peak.get(device, Usage()).total


def _groups(before: RankFootprints, after: RankFootprints) -> Iterator[tuple[tuple[int, ...], Footprint, Footprint]]:
    """Ranks that are alike in the baseline and now, by their lowest rank."""
    then = {rank: group.value for group in before.groups for rank in group.ranks}
    now = {rank: group.value for group in after.groups for rank in group.ranks}
    found: dict[tuple[int, int], list[int]] = {}
    for rank, footprint in now.items():
        found.setdefault((id(then.get(rank)), id(footprint)), []).append(rank)
    for ranks in found.values():
        yield tuple(ranks), then.get(ranks[0], Footprint()), now[ranks[0]]


def _totals(before: Footprint, after: Footprint) -> Iterator[tuple[str, ByteSize, ByteSize]]:
    for device in dict.fromkeys((*before.peak, *after.peak)):
        yield f"{device} peak", _peak(before, device), _peak(after, device)
        ends = [footprint.end.get(device, Usage()).total for footprint in (before, after)]
        yield f"{device} end of step", ends[0], ends[1]


def ranks_brief(values: RankValues[Any], brief: str) -> str:
    """``brief``, the words for the value of most ranks, with the ranks that it is of."""
    if values.alike:
        return f"{brief} on all {len(values)} ranks"
    if isinstance(values, RankFootprints):
        return extremes(values).replace("\n", ", ")
    return f"{brief}, but not on {ranks_said(values.differing)} of {len(values)}"
