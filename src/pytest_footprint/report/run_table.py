"""A whole run as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_footprint.model.run import WHOLE_TEST, CheckVerdict, RecordedTest, Run, TakenFootprint
from pytest_footprint.report.footprint_table import footprint_text
from pytest_footprint.report.run_rows import footprint_title
from pytest_footprint.report.summary import largest
from pytest_footprint.report.table import WIDTH, both_ends, table
from pytest_footprint.report.words import more

_ROWS = 40
_CHECKS = 10
_HELD = frozenset({CheckVerdict.HOLDS, CheckVerdict.WRITTEN})


def run_table(run: Run, *, verbose: bool = False) -> str:
    """A row for each footprint, highest peak first, and the checks that do not hold.

    Args:
        run: what to show.
        verbose: every row, in full.
    """
    tracked = [test for test in run.tests if test.footprints]
    count = f"{len(tracked)} of {len(run.tests)} test{'s' * (len(run.tests) != 1)} took footprints"
    on = run.environment
    parts = [f"{count}; torch {on.torch}, python {on.python}, {', '.join(on.devices) or 'no device'}"]
    if not run.complete:
        parts[0] += "\nthe run stopped before all of its tests ran"
    rows = sorted(_rows(tracked), key=lambda row: -row[0])
    if rows:
        shown = rows if verbose else rows[:_ROWS]
        headers = ("test", "footprint", "peak", "largest", "limit", "outcome")
        cells, width = [row[1] for row in shown], None if verbose else WIDTH
        parts.append(table(headers, cells, right="peak limit", elastic={"test": both_ends}, width=width))
        if len(shown) < len(rows):
            parts[-1] += f"\n{more(len(rows) - len(shown))}"
    if failed := [
        f"  {footprint_title(test.test, check.name)}: {check.says}"
        for test in run.tests
        for check in test.checks
        if check.verdict not in _HELD
    ]:
        listed = failed if verbose else failed[:_CHECKS]
        tail = [f"  {more(len(failed) - len(listed))}"] if len(listed) < len(failed) else []
        parts.append("\n".join(["baselines that do not hold:", *listed, *tail]))
    return "\n\n".join(parts)


def footprints_text(tests: Sequence[RecordedTest], *, verbose: bool = False) -> str:
    """All tables of every footprint of these tests."""
    return "\n\n\n".join(
        f"{footprint_title(test.test, each.name)}\n\n{footprint_text(each.footprint, verbose=verbose)}"
        for test in tests
        for each in test.footprints
    )


def _rows(tests: Iterable[RecordedTest]) -> Iterable[tuple[int, tuple[str, ...]]]:
    for test in tests:
        for each in test.footprints:
            for device, usage in each.footprint.peak.items():
                cells = (f"{device} {usage.total}", largest(usage), _limit(test, each, device))
                yield usage.total, (test.test, each.name, *cells, test.outcome.value)


def _limit(test: RecordedTest, taken: TakenFootprint, device: str) -> str:
    """Limits are for the whole test."""
    found = [limit for limit in test.limits if limit.device == device and taken.name == WHOLE_TEST]
    return ", ".join(f"{limit.limit}{'' if limit.of == 'total' else f' of {limit.of}'}" for limit in found)
