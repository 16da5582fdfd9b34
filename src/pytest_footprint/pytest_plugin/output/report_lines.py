"""The lines of ``--mem-report``, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_footprint.pytest_plugin.results import TrackedTest
from pytest_footprint.pytest_plugin.settings import Settings


def report_lines(tracked: Sequence[TrackedTest], settings: Settings, width: int) -> Iterator[tuple[str, str]]:
    """Each line and the verdict that it ends with, which is ``""`` where there is none."""
    from pytest_footprint.report import memory_table  # noqa: PLC0415 - loads when it is drawn

    rows = sorted_by(settings.report_sort, tracked)
    shown = rows[: settings.report_top] if settings.report_top else rows
    table = memory_table([_cells(row) for row in shown], verbosity=settings.verbosity, width=width)
    yield from zip(table.split("\n"), ["", *(row.verdict for row in shown)], strict=True)
    if left := len(rows) - len(shown):
        yield f"... and {left} more (--mem-report-top=0 shows all)", ""


def sorted_by(order: str, tracked: Sequence[TrackedTest]) -> list[TrackedTest]:
    """``peak``: the highest first; ``limit``: the nearest to its limit first, those without one last; ``name``."""
    by_name = sorted(tracked, key=lambda row: row.test)
    match order:
        case "name":
            return by_name
        case "limit":
            return sorted(by_name, key=lambda row: (row.used is None, -(row.used or 0.0)))
        case _:
            return sorted(by_name, key=lambda row: -row.nbytes)


def _cells(row: TrackedTest) -> dict[str, str]:
    own = {
        "test": row.test,
        "peak": row.peak,
        "allocated": row.allocated,
        "reserved": row.reserved,
        "largest": row.largest,
        "module": row.module,
        "limit": row.limit,
        "verdict": row.verdict,
    }
    return {**row.more, **own}
