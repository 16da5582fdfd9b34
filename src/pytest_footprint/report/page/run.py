"""The page of a run: what failed, every test, and the course of each footprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_footprint.model.picture import Picture
from pytest_footprint.model.run import CheckVerdict, Outcome, RecordedTest, Run
from pytest_footprint.report.page.html import UPLOT, page
from pytest_footprint.report.page.rows import FAILED, TestRow, in_order, test_row
from pytest_footprint.report.page.views import test_view

_SCRIPTS = (
    UPLOT,
    "dom.js",
    "course.js",
    "spans.js",
    "earlier.js",
    "chart.js",
    "tables.js",
    "detail.js",
    "list.js",
    "run.js",
)

_NAMES = 3
"""Tests that the headline names."""
_FEW = 5
"""Failures that stand before the list of tests."""


def run_page(
    run: Run, pictures: Mapping[str, Sequence[Picture]] | None = None, failures: Mapping[str, str] | None = None
) -> str:
    """One HTML document.

    Args:
        run: what was recorded.
        pictures: node id -> the courses of its footprints, where they were read.
        failures: node id -> why the test failed, in full.
    """
    pictures, failures = pictures or {}, failures or {}
    tracked = [test for test in run.tests if test.footprints or test.checks or test.limits]
    rows = in_order([test_row(test, failures.get(test.test, "")) for test in tracked])
    by_name = {test.test: test for test in tracked}
    views = [test_view(by_name[row.test], pictures.get(row.test, ()), row) for row in rows]
    return page(
        "run.html",
        _SCRIPTS,
        few=_FEW,
        title=_title(run, rows),
        rows=rows,
        largest=max((row.peak or 0 for row in rows), default=0),
        views=views,
        verdict=_verdict(run, rows),
        notes=_notes(run, tracked),
        environment=run.environment,
        started=run.times.started,
    )


def _title(run: Run, rows: Sequence[TestRow]) -> str:
    failed = sum(row.outcome is Outcome.FAILED for row in rows)
    counts = ((failed, "failed"), (len(_broken(run)), "broke in set-up or teardown"))
    return ", ".join([*(f"{count} {word}" for count, word in counts if count), f"memory of {_tests(len(rows))}"])


def _broken(run: Run) -> list[str]:
    """Tests that broke in their set-up or teardown, tracked or not: in its set-up, nothing of a test is recorded."""
    return [test.test for test in run.tests if test.outcome is Outcome.ERROR]


def _verdict(run: Run, rows: Sequence[TestRow]) -> str:
    """The answer, in one sentence, and one more where tests broke outside of their call."""
    said = _of_calls(run, rows)
    broken = _broken(run)
    if not broken:
        return said
    left = len(broken) - _NAMES
    names = ", ".join(broken[:_NAMES]) + (f" and {left} more" if left > 0 else "")
    return f"{_tests(len(broken))} broke in set-up or teardown: {names}. {said}"


def _of_calls(run: Run, rows: Sequence[TestRow]) -> str:
    failed = [row for row in rows if row.outcome is Outcome.FAILED or (row.outcome in FAILED and row.about_memory)]
    ours = [row for row in failed if row.about_memory]
    if not rows:
        return f"No test of this run was tracked, of {len(run.tests)}."
    whole = [row for row in rows if row.outcome not in FAILED]
    if not failed:
        if len(whole) < len(rows):
            return f"{_tests(len(whole))} that {'was' if len(whole) == 1 else 'were'} tracked kept their memory."
        return (
            f"All {_tests(len(rows))} that were tracked kept their memory."
            if len(rows) > 1
            else "The test that was tracked passed."
        )
    said = (
        f"{len(ours)} of {_tests(len(rows))} failed for {'its' if len(ours) == 1 else 'their'} memory" if ours else ""
    )
    others = len(failed) - len(ours)
    if others:
        rest = f"{others} {'more' if ours else f'of {_tests(len(rows))}'} failed for another reason"
        said = f"{said}, {rest}" if said else rest
    return f"{said}."


def _notes(run: Run, tracked: Sequence[RecordedTest]) -> list[str]:
    """What a reader must know before trusting the page."""
    notes = []
    if not run.complete:
        notes.append("The run was stopped before all of its tests ran: this is what there is until then.")
    if left := len(run.tests) - len(tracked):
        notes.append(f"{_tests(left)} of this run took nothing that was tracked, and {_is(left)} not listed.")
    written = sum(check.verdict is CheckVerdict.WRITTEN for test in tracked for check in test.checks)
    if written:
        notes.append(f"{written} baseline{'s were' if written > 1 else ' was'} written by this run.")
    skipped = sum(test.outcome is Outcome.SKIPPED for test in tracked)
    if skipped:
        notes.append(f"{_tests(skipped)} {_is(skipped)} skipped.")
    return notes


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
