"""What the process that prints says of the files that ``--mem-trace`` wrote."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.relative import relative

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.results import Results

_MOST = 10
"""Failed tests that are named."""


class TraceSummary:
    """Collects which files were written, and says where they are and how to look into those of failed tests."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._shown = str(relative(folder, config.invocation_params.dir))
        self._written: dict[str, tuple[str, ...]] = {}
        self._failed: dict[str, None] = {}
        self._problems: list[str] = []

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take one phase of one test; the last run of a test that is rerun counts."""
        if report.when == "setup":
            self._failed.pop(report.nodeid, None)
        if results.traces:
            self._written[report.nodeid] = results.traces
        if results.trace_problem:
            self._problems.append(results.trace_problem)
        if report.failed:
            self._failed[report.nodeid] = None

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A run whose traces were not written fails."""
        if self._problems and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the folder, and for failed tests the command that shows what was recorded."""
        for problem in self._problems[:1]:
            more = f" (and {len(self._problems) - 1} more)" if len(self._problems) > 1 else ""
            terminalreporter.write_line(f"cannot write a memory trace: {problem}{more}", red=True)
        tests = len(self._written)
        if not tests:
            if terminalreporter.verbosity >= 0 and not self._problems:
                said = (
                    "no memory trace: no test was tracked; use mem_tracker or max_peak_memory in a test, or --mem-all"
                )
                terminalreporter.write_line(said)
            return
        if terminalreporter.verbosity >= 0:
            terminalreporter.write_sep("-", f"memory traces of {tests} test{'s' * (tests != 1)}: {self._shown}")
        failed = [nodeid for nodeid in self._failed if nodeid in self._written]
        for nodeid in failed[:_MOST]:
            for path in self._written[nodeid]:
                terminalreporter.write_line(f"{nodeid}\n  pytest-footprint replay {shlex.quote(path)}")
        if left := failed[_MOST:]:
            terminalreporter.write_line(f"... and {len(left)} more failed tests")
