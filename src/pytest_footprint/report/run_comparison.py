"""What differs between two runs, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.gate import Gate, GateFailure
from pytest_footprint.model.run_comparison import RunComparison
from pytest_footprint.report.run_rows import (
    SIDES,
    ChangedTest,
    changed_tests,
    failure_lines,
    notes,
    only_one_side,
    overview,
)
from pytest_footprint.report.table import WIDTH, both_ends, indented, table, wrapped
from pytest_footprint.report.words import more

_ROWS = 15
_CAUSES = 5
_NAMES = 10
"""Rows of each part that together fit on one screen."""


def run_comparison_text(
    comparison: RunComparison,
    *,
    gates: Sequence[Gate] = (),
    failures: Sequence[GateFailure] = (),
    sort: str = "change",
    verbose: bool = False,
) -> str:
    """A table of the tests that changed, the cause of each, what appeared and vanished, and the gates.

    Args:
        comparison: of two runs.
        gates: what was asked for.
        failures: where they do not hold.
        sort: ``change``, largest first, or ``name``.
        verbose: every row, and all tables of each test.
    """
    rows = changed_tests(comparison, sort)
    parts = [overview(comparison, rows)]
    if rows:
        parts += [_table(rows, verbose=verbose), *_causes(rows, verbose=verbose)]
    for title, names in (
        ("appeared (no footprint in base):", only_one_side(comparison.appeared, SIDES[0])),
        ("vanished (no footprint in head):", only_one_side(comparison.vanished, SIDES[1])),
        ("note:", notes(comparison)),
    ):
        if names:
            parts.append(_list(title, names, verbose=verbose))
    if failures:
        count = len({failure.gate for failure in failures})
        parts.append(_list(f"FAILED {count} of {len(gates)} gates:", failure_lines(failures), verbose=verbose))
    elif gates:
        parts.append(f"all gates hold: {', '.join(gate.text for gate in gates)}")
    return "\n\n".join(parts)


def _table(rows: Sequence[ChangedTest], *, verbose: bool) -> str:
    shown = rows if verbose else rows[:_ROWS]
    headers = ("test", "what", *SIDES, "difference", "%")
    cells = [(row.title, *row.cells()) for row in shown]
    width = None if verbose else WIDTH
    text = table(headers, cells, right=" ".join(headers[2:]), elastic={"test": both_ends}, width=width)
    return text if len(shown) == len(rows) else f"{text}\n{more(len(rows) - len(shown))}"


def _causes(rows: Sequence[ChangedTest], *, verbose: bool) -> list[str]:
    if verbose:
        return ["\n\n".join([row.title, *map(indented, row.parts(row.line(), verbose=True))]) for row in rows]
    causes = []
    for row in rows[:_CAUSES]:
        title = f"{row.title} ({row.more})" if row.more else row.title
        # The first paragraph: what happened, and the sentences behind it.
        lines = [
            part for line in row.parts(row.line(), verbose=False)[0].split("\n") for part in wrapped(line, WIDTH - 2)
        ]
        causes.append(f"{title}\n{indented(chr(10).join(lines))}")
    if len(rows) > _CAUSES:
        causes.append(more(len(rows) - _CAUSES))
    return causes


def _list(title: str, lines: Sequence[str], *, verbose: bool) -> str:
    shown = list(lines) if verbose else list(lines[:_NAMES])
    if len(shown) < len(lines):
        shown.append(more(len(lines) - len(shown)))
    return "\n".join([title, *(f"  {line}" for line in shown)])
