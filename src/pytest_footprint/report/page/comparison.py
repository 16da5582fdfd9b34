"""The page of two runs: gates, what changed, and all that differs in each test."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.gate import Gate, GateFailure
from pytest_footprint.model.run_comparison import RunComparison
from pytest_footprint.report.page.html import page
from pytest_footprint.report.run_rows import (
    SIDES,
    ChangedTest,
    changed_tests,
    failure_lines,
    notes,
    only_one_side,
    overview,
)

_SCRIPTS = ("dom.js", "list.js", "comparison.js")
_FEW = 5
"""Failures that stand before the table."""


def run_comparison_page(
    comparison: RunComparison,
    *,
    gates: Sequence[Gate] = (),
    failures: Sequence[GateFailure] = (),
    sort: str = "change",
) -> str:
    """One HTML document: what `run_comparison_text` says, with every row and all that differs."""
    rows = changed_tests(comparison, sort)
    base, head = SIDES
    return page(
        "comparison.html",
        _SCRIPTS,
        title=overview(comparison, rows),
        said=f"Memory: {overview(comparison, rows)}",
        notes=notes(comparison),
        gates=[gate.text for gate in gates],
        few=_FEW,
        failed=failure_lines(failures),
        rows=rows,
        most=[_most(row) for row in rows],
        texts=["\n\n".join(row.parts(row.line(), verbose=True)) for row in rows],
        only=[
            (f"Appeared, no footprint in {base}", only_one_side(comparison.appeared, base)),
            (f"Vanished, no footprint in {head}", only_one_side(comparison.vanished, head)),
        ],
    )


def _most(row: ChangedTest) -> int:
    """The highest peak of both sides: what the bars are drawn to."""
    sides = (row.main.before.peak, row.main.after.peak)
    return max((int(usage.total) for peak in sides for usage in peak.values()), default=0)
