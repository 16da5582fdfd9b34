"""Annotations and the step summary, where GitHub Actions run the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.pytest_plugin.results import Results, TrackedTest

if TYPE_CHECKING:
    import pytest

ANNOTATIONS = "GITHUB_ACTIONS"
SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class _Failure:
    test: str
    file: str
    line: int
    text: str


class GitHub:
    """Collects failures for memory and tells GitHub of them when the run is over."""

    def __init__(self, config: pytest.Config, environment: Mapping[str, str]) -> None:
        self._root = config.rootpath
        self._environment = environment
        self._failures: dict[str, _Failure] = {}
        self._tracked: dict[str, TrackedTest] = {}

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take the failure and the row of one phase; the last run of a test that is rerun counts."""
        self._tracked.update((each.test, each) for each in results.tracked)
        if report.when == "setup":
            self._failures.pop(report.nodeid, None)
        if results.failure:
            file, line = self._place(report)
            self._failures[report.nodeid] = _Failure(report.nodeid, self._shown(file), line, results.failure)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print annotations and append to the summary of the step; trouble with that fails no run."""
        if self._environment.get(ANNOTATIONS) == "true":
            self._annotate(terminalreporter)
        path = self._environment.get(SUMMARY)
        if path and (self._failures or self._tracked):
            try:
                with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(self._summary())
            except OSError as problem:
                said = f"cannot append to {SUMMARY} {path}: {problem.strerror or problem}; the tests are not concerned"
                terminalreporter.write_line(said)

    def _annotate(self, terminalreporter: pytest.TerminalReporter) -> None:
        from pytest_footprint.report import annotation  # noqa: PLC0415 - loads when there is something to tell

        for each in self._failures.values():
            title = f"memory: {each.test}"
            line = annotation(file=each.file, line=each.line, title=title, message=each.text)
            terminalreporter.ensure_newline()
            terminalreporter.write_line(line)

    def _summary(self) -> str:
        from pytest_footprint.report import step_summary  # noqa: PLC0415 - loads when there is something to tell

        highest = sorted(self._tracked.values(), key=lambda row: -row.nbytes)
        rows = [(row.test, row.peak, row.largest, row.limit, row.verdict) for row in highest]
        failures = [(each.test, each.text) for each in self._failures.values()]
        return step_summary(failures, rows)

    def _place(self, report: pytest.TestReport) -> tuple[Path, int]:
        """The line that failed, where that is known and the user's, or else the first line of the test."""
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None and Path(crash.path).is_relative_to(self._root):
            return Path(crash.path), crash.lineno
        file, line, _ = report.location
        return self._root / file, (line or 0) + 1

    def _shown(self, path: Path) -> str:
        """As GitHub knows it: from the top of the repository."""
        top = Path(self._environment.get("GITHUB_WORKSPACE") or self._root)
        return relative(path, top).as_posix()
