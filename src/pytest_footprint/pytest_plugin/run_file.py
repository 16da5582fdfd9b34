"""``--mem-json``: the whole run as one file, also when xdist's workers ran it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic

import pytest

from pytest_footprint.baseline.atomic import replace_atomically
from pytest_footprint.model.run import Environment, Outcome, Times
from pytest_footprint.model.run_json import document, findings, line
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.pytest_plugin.results import Results

_NOT_TRACKED = findings()
_DIGITS = 6


@dataclass(slots=True)
class _RunTest:
    """What is known of one test so far."""

    outcome: Outcome | None = None
    seconds: float = 0.0
    found: str = _NOT_TRACKED
    devices: tuple[str, ...] = field(default=())

    def take(self, report: pytest.TestReport, results: Results) -> None:
        self.outcome = outcome_after(report, self.outcome)
        if not hasattr(report, "context"):  # the time of a subtest is also in its test's
            self.seconds += report.duration
        self.found = results.findings or self.found
        self.devices = results.devices or self.devices


class RunFile:
    """Collects what reports carry and writes it when the session is over."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._started, self._since = datetime.now(UTC), monotonic()
        self._tests: dict[str, _RunTest] = {}
        self._problem = ""

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take one phase of one test; the last run of a test that is rerun counts."""
        if report.when == "setup":
            self._tests[report.nodeid] = _RunTest()
        self._tests.setdefault(report.nodeid, _RunTest()).take(report, results)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the file; a run whose file is not written fails."""
        stopped = exitstatus in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}
        complete = not (stopped or session.shouldstop or session.shouldfail)
        try:
            replace_atomically(self._path, self._text(complete=complete))
        except OSError as problem:
            self._problem = problem.strerror or str(problem)
            if exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the file is, or why it is not."""
        shown = self._shown()
        if self._problem:
            said = f"cannot write the memory of this run to {shown}: {self._problem}; what stood there is untouched"
            terminalreporter.write_line(said, red=True)
        elif terminalreporter.verbosity >= 0:
            terminalreporter.write_sep("-", f"memory of this run: {shown}")

    def _shown(self) -> str:
        return str(relative(self._path, self._config.invocation_params.dir))

    def _text(self, *, complete: bool) -> str:
        tests = sorted(self._tests.items())
        return document(
            _environment(self._config, tuple(sorted({device for _, test in tests for device in test.devices}))),
            (line(nodeid, test.outcome or Outcome.ERROR, test.found) for nodeid, test in tests),
            complete=complete,
            times=Times(
                started=self._started.isoformat(timespec="seconds"),
                seconds=round(monotonic() - self._since, _DIGITS),
                tests={nodeid: round(test.seconds, _DIGITS) for nodeid, test in tests},
            ),
        )


def outcome_after(report: pytest.TestReport, before: Outcome | None) -> Outcome | None:
    """The outcome of a test after one more phase."""
    if before is Outcome.FAILED:
        return before  # what comes later makes nothing better, as a test that passes after a failed subtest
    if report.failed:
        if report.when in {"setup", "teardown"}:
            return Outcome.ERROR
        return Outcome.FAILED  # also where a worker of xdist crashed, which reports no phase
    if report.skipped:
        return Outcome.XFAILED if hasattr(report, "wasxfail") else Outcome.SKIPPED
    if report.when == "call" and report.passed:
        return Outcome.XPASSED if hasattr(report, "wasxfail") else Outcome.PASSED
    return before


def _environment(config: pytest.Config, devices: tuple[str, ...]) -> Environment:
    return Environment(
        python=platform.python_version(),
        pytest=pytest.__version__,
        torch=_torch_version(),
        platform=sys.platform,
        plugins=_plugins(config),
        devices=devices,
    )


def _torch_version() -> str:
    try:
        return version("torch")  # not torch.__version__: whoever runs xdist's workers need not load torch
    except PackageNotFoundError:
        return ""


def _plugins(config: pytest.Config) -> Mapping[str, str]:
    found = {each.metadata["Name"]: each.version for _, each in config.pluginmanager.list_plugin_distinfo()}
    return dict(sorted(found.items()))
