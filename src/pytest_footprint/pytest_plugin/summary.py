"""The tables at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.results import BaselineUpdate, Results, TrackedTest
from pytest_footprint.pytest_plugin.settings import SETTINGS

if TYPE_CHECKING:
    import pytest


def _in_a_line(tracked: Sequence[TrackedTest]) -> str:
    if not tracked:
        return "no test was tracked: use mem_tracker or max_peak_memory in a test, or run with --mem-all"
    highest = max(tracked, key=lambda row: row.nbytes)
    count = f"{len(tracked)} test{'s' * (len(tracked) > 1)} tracked"
    return f"{count}, highest peak {highest.peak} in {highest.test}; --mem-report shows each"


class Summary:
    """Collects rows of tests and prints them once."""

    def __init__(self) -> None:
        self._tracked: dict[str, TrackedTest] = {}
        self._updates: dict[str, BaselineUpdate] = {}

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take the rows of one phase; the last run of a test that is rerun counts."""
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
