"""The tables at the end of a run, and the rows that tests send for them."""

from __future__ import annotations

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
    usage = peak[device]
    largest, nbytes = max(usage.items(), key=lambda held: held[1], default=("", 0))
    return TrackedTest(
        test=report.nodeid,
        device=device,
        peak=int(usage.total),
        largest=str(largest),
        largest_nbytes=int(nbytes),
        limit="" if recording.limit is None else str(recording.limit),
        verdict=_verdict(recording, report),
    )


def _verdict(recording: Recording, report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    if recording.breaches:
        return "over the limit"
    return report.outcome


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
        if self._updates:
            terminalreporter.write_sep("=", "memory baselines written")
        if config.stash[SETTINGS].report:
            terminalreporter.write_sep("=", "memory report")
