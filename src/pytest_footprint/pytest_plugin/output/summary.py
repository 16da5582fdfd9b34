"""The tables at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.results import LIKE_FIRST_RANK, BaselineUpdate, RankResult, Results, TrackedTest
from pytest_footprint.pytest_plugin.settings import SETTINGS, Settings

if TYPE_CHECKING:
    import pytest

_COLOURS = {
    "passed": {"green": True},
    "failed": {"red": True},
    "over the limit": {"red": True},
    "xpassed": {"yellow": True},
    "xfailed": {"yellow": True},
    "skipped": {"yellow": True},
}
"""How pytest marks such outcomes."""


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
        self._ranks: dict[str, dict[int, RankResult]] = {}

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take the rows of one phase; the last run of a test that is rerun counts."""
        self._tracked.update((row.test, row) for row in results.tracked)
        for update in results.updates:
            self._take_update(update)
        if (row := results.rank) is not None:
            self._ranks.setdefault(row.test, {})[row.rank] = row

    def _take_update(self, row: BaselineUpdate) -> None:
        """Two workers may tell of one file in either order: that it is new, and that it is gone again."""
        other = self._updates.pop(row.baseline, None)
        came_and_went = (
            other is not None and LIKE_FIRST_RANK in {row.after, other.after} and not (row.before and other.before)
        )
        if not came_and_went:
            self._updates[row.baseline] = row

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Print old -> new of every baseline that was written, then the report if it was asked for."""
        settings = config.stash[SETTINGS]
        if self._updates:
            terminalreporter.write_sep("=", "memory baselines written")
            terminalreporter.write_line(_written(list(self._updates.values()), settings, _width(config)))
        if self._ranks and settings.verbosity >= 0:
            terminalreporter.write_sep("=", "memory by rank")
            for test, rows in self._ranks.items():
                terminalreporter.write_line(_by_rank(test, list(rows.values()), _width(config)))
        if not (settings.report or settings.track_all):
            return
        terminalreporter.write_sep("=", "memory of tracked tests")
        tracked = list(self._tracked.values())
        if settings.report and tracked:
            from pytest_footprint.pytest_plugin.output.report_lines import report_lines  # noqa: PLC0415 - loads when drawn

            for line, verdict in report_lines(tracked, settings, _width(config)):
                terminalreporter.write(line.removesuffix(verdict))
                terminalreporter.write_line(verdict, **_COLOURS.get(verdict, {}))
        else:
            terminalreporter.write_line(_in_a_line(tracked))


def _by_rank(test: str, rows: Sequence[RankResult], width: int) -> str:
    from pytest_footprint.report import RankUsage, ranks_text  # noqa: PLC0415 - loads when it is drawn

    return ranks_text(test, [RankUsage(row.rank, row.device, row.peak, row.end) for row in rows], width=width)


def _width(config: pytest.Config) -> int:
    return config.get_terminal_writer().fullwidth


def _written(updates: Sequence[BaselineUpdate], settings: Settings, width: int) -> str:
    from pytest_footprint.report import update_table, update_totals  # noqa: PLC0415 - loads when it is drawn

    rows = [(row.baseline, row.before, row.after) for row in updates]
    peaks = [
        (row.bytes_before, row.bytes_after)
        for row in updates
        if row.bytes_before is not None and row.bytes_after is not None
    ]
    new = sum(not row.before for row in updates)
    totals = update_totals(new, peaks, others=len(updates) - new - len(peaks))
    if settings.verbosity < 0:
        return totals
    return f"{update_table(rows, verbose=settings.verbose, width=width)}\n{totals}"
