"""What is known of a run so far, for the files that tell of it."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from time import monotonic

import pytest

from pytest_footprint.model.codec import from_plain
from pytest_footprint.model.run import Environment, Outcome, RecordedTest, Run, Times
from pytest_footprint.model.run_json import document, findings, line
from pytest_footprint.pytest_plugin.results import Results

_NOT_TRACKED = findings()
_DIGITS = 6


@dataclass(slots=True)
class LoggedTest:
    """What is known of one test so far."""

    outcome: Outcome | None = None
    seconds: float = 0.0
    found: str = _NOT_TRACKED
    """Its findings as JSON."""
    devices: tuple[str, ...] = ()
    pictures: str = ""
    """A list of `Picture` as JSON; ``""`` where none is wanted."""
    failure: str = ""
    """Why it failed: our text, or what was raised."""

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Add one phase."""
        self.outcome = outcome_after(report, self.outcome)
        if not hasattr(report, "context"):  # the time of a subtest is also in its test's
            self.seconds += report.duration
        self.found = results.findings or self.found
        self.pictures = results.pictures or self.pictures
        self.devices = results.devices or self.devices
        if report.failed and not self.failure:
            self.failure = results.failure or _raised(report)


class RunLog:
    """Collects what reports carry."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started, self._since = datetime.now(UTC), monotonic()
        self._tests: dict[str, LoggedTest] = {}

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take one phase of one test; the last run of a test that is rerun counts."""
        if report.when == "setup":
            self._tests[report.nodeid] = LoggedTest()
        self._tests.setdefault(report.nodeid, LoggedTest()).take(report, results)

    @property
    def tests(self) -> dict[str, LoggedTest]:
        """Node id -> what is known, sorted."""
        return dict(sorted(self._tests.items()))

    def text(self, *, complete: bool) -> str:
        """The run as JSON, as ``--mem-json`` writes it."""
        return document(self._ran_on(), self._lines(), complete=complete, times=self._times())

    def run(self, *, complete: bool, on_test: Callable[[int], None]) -> Run:
        """What `text` says, as a value; ``on_test`` is called with how many tests have been read."""
        tests = []
        for each in self._lines():
            tests.append(from_plain(RecordedTest, json.loads(each)))
            on_test(len(tests))
        return Run(self._ran_on(), tuple(tests), complete=complete, times=self._times())

    def _lines(self) -> Iterator[str]:
        for nodeid, test in self.tests.items():
            yield line(nodeid, test.outcome or Outcome.ERROR, test.found)

    def _ran_on(self) -> Environment:
        devices = {device for test in self._tests.values() for device in test.devices}
        return _environment(self._config, tuple(sorted(devices)))

    def _times(self) -> Times:
        return Times(
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(monotonic() - self._since, _DIGITS),
            tests={nodeid: round(test.seconds, _DIGITS) for nodeid, test in self.tests.items()},
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


def _raised(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash is not None else report.longreprtext


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
