"""The ranks of one test side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.report.table import WIDTH, table
from pytest_footprint.report.words import kind, percent

_KINDS = 4
"""Reference types that have a column of their own."""


@dataclass(frozen=True, slots=True)
class RankUsage:
    """What one rank took at most, on the device where that was most."""

    rank: int
    device: str
    peak: Mapping[str, int]
    """Bytes by reference type."""
    end: int
    """Bytes alive when its last measured step was over."""

    @property
    def total(self) -> int:
        """Bytes at the peak."""
        return sum(self.peak.values())

    @property
    def taken(self) -> tuple[object, ...]:
        """What makes two ranks equal."""
        return (self.device, sorted(self.peak.items()), self.end)


def ranks_text(test: str, usages: Sequence[RankUsage], *, width: int = WIDTH) -> str:
    """A line for each rank, equal ones in one line, and how far apart they are."""
    usages = sorted(usages, key=lambda usage: usage.rank)
    least, most = (choose(usages, key=lambda usage: usage.total) for choose in (min, max))
    kinds = _largest(usages)
    headers = ("rank", "peak", "", *(kind(name) for name in kinds), "end")
    rows = [_row(equal, least, kinds) for equal in _folded(usages)]
    while kinds and len(table(headers, rows).split("\n", 1)[0]) > width:
        kinds.pop()
        headers = ("rank", "peak", "", *(kind(name) for name in kinds), "end")
        rows = [_row(equal, least, kinds) for equal in _folded(usages)]
    lines = table(headers, rows, right="peak end")
    return f"{test}: {_headline(usages, least, most)}\n{lines}"


def _headline(usages: Sequence[RankUsage], least: RankUsage, most: RankUsage) -> str:
    if len({usage.total for usage in usages}) == 1:
        return f"{len(usages)} ranks, each with the peak {least.device} {ByteSize(least.total)}"
    more = f" ({percent(100 * (most.total - least.total) / least.total)})" if least.total else ""
    return (
        f"{len(usages)} ranks, rank {most.rank} takes most: {most.device} {ByteSize(most.total)},"
        f" {ByteSize(most.total - least.total)} more than rank {least.rank}{more}"
    )


def _largest(usages: Sequence[RankUsage]) -> list[str]:
    """Reference types that differ between ranks first, then by size."""
    names = {name for usage in usages for name in usage.peak}
    sizes = {name: [usage.peak.get(name, 0) for usage in usages] for name in names}
    return sorted(names, key=lambda name: (min(sizes[name]) - max(sizes[name]), -max(sizes[name]), name))[:_KINDS]


def _folded(usages: Sequence[RankUsage]) -> list[list[RankUsage]]:
    """Equal ranks together, in the order of the first of each."""
    found: dict[str, list[RankUsage]] = {}
    for usage in usages:
        found.setdefault(repr(usage.taken), []).append(usage)
    return list(found.values())


def _row(equal: Sequence[RankUsage], least: RankUsage, kinds: Sequence[str]) -> tuple[str, ...]:
    usage = equal[0]
    more = percent(100 * (usage.total - least.total) / least.total) if usage.total > least.total > 0 else ""
    cells = (str(ByteSize(usage.peak.get(name, 0))) for name in kinds)
    return (_numbers([each.rank for each in equal]), str(ByteSize(usage.total)), more, *cells, str(ByteSize(usage.end)))


def _numbers(ranks: Sequence[int]) -> str:
    """``0-2, 63``."""
    runs = [[rank for _, rank in run] for _, run in groupby(enumerate(ranks), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
