"""The tables at the end of a run, and the rows that tests send for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.check_log import CHECK_LOG
from pytest_footprint.pytest_plugin.recording import RECORDING, Recording
from pytest_footprint.pytest_plugin.results import BaselineUpdate, Results, TrackedTest
from pytest_footprint.pytest_plugin.settings import SETTINGS

if TYPE_CHECKING:
    import pytest


def results_of(item: pytest.Item, report: pytest.TestReport) -> Results:
    """What the phase of ``item`` that ``report`` is about has to tell the summary."""
    log = item.stash.get(CHECK_LOG, None)
    recording = item.stash.get(RECORDING, None)
    tracked = _row(recording, report) if recording is not None and report.when == "call" else None
    return Results((tracked,) if tracked else (), log.take_updates() if log else ())


def _row(recording: Recording, report: pytest.TestReport) -> TrackedTest | None:
    if recording.footprint is None:
        return None
    peak = recording.footprint.peak
    device = next(iter(recording.breaches), None) or max(peak, key=lambda each: peak[each].total, default=None)
    if device is None:
        return None
    own = recording.footprint.measured.get(device)
    from pytest_footprint.report import largest  # noqa: PLC0415 - loads when there is something to report

    return TrackedTest(
        test=report.nodeid,
        nbytes=int(peak[device].total),
        peak=f"{device} {peak[device].total}",
        allocated=str(own.allocated) if own else "",
        reserved=str(own.reserved) if own else "",
        largest=largest(peak[device]),
        limit="" if recording.limit is None else str(recording.limit),
        verdict=_verdict(recording, report),
    )


def _verdict(recording: Recording, report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return "over the limit" if report.failed and recording.breaches else report.outcome


def _in_a_line(tracked: Sequence[TrackedTest]) -> str:
    if not tracked:
        return "no test was tracked: use mem_tracker or max_peak_memory in a test, or run with --mem-all"
    highest = max(tracked, key=lambda row: row.nbytes)
    count = f"{len(tracked)} test{'s' * (len(tracked) > 1)} tracked"
    return f"{count}, highest peak {highest.peak} in {highest.test}; --mem-report shows each"


class Summary:
    """Collects what test reports carry and prints it once: a plugin object, because reports come without a config."""

    def __init__(self) -> None:
        self._tracked: dict[str, TrackedTest] = {}
        self._updates: dict[str, BaselineUpdate] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the results of one phase; the last run of a test that is rerun counts."""
        results = Results.carried_by(report)
        self._tracked.update((row.test, row) for row in results.tracked)
        self._updates.update((row.baseline, row) for row in results.updates)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Print old -> new of every baseline that was written, then the report if it was asked for."""
        settings = config.stash[SETTINGS]
        if not (self._updates or settings.report or settings.track_all):
            return
        from pytest_footprint.report import memory_table, update_table  # noqa: PLC0415 - loads when it is drawn

        if self._updates:
            written = [(row.baseline, row.before, row.after) for row in self._updates.values()]
            terminalreporter.section("memory baselines written")
            terminalreporter.write_line(update_table(written, verbose=settings.verbose))
        tracked = list(self._tracked.values())
        if settings.report and tracked:
            rows = [
                (row.test, row.peak, row.allocated, row.reserved, row.largest, row.limit, row.verdict)
                for row in tracked
            ]
            terminalreporter.section("memory of tracked tests")
            terminalreporter.write_line(memory_table(rows, verbose=settings.verbose))
        elif settings.report or settings.track_all:
            terminalreporter.section("memory of tracked tests")
            terminalreporter.write_line(_in_a_line(tracked))
