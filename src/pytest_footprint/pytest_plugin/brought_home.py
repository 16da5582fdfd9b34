"""Baselines that workers of xdist wrote in other folders, or on other machines: they belong into this tree too."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.results import Results

if TYPE_CHECKING:
    import pytest


class BroughtHome:
    """In the process that prints: writes what a worker wrote elsewhere."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._problems: list[str] = []

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Write the baselines of one phase that are not here as they are there."""
        for update in results.updates:
            if not hasattr(report, "node") or not update.file or PurePath(update.file).is_absolute():
                continue
            from pytest_footprint.baseline import BaselineWriteError, write_atomically  # noqa: PLC0415 - with an update

            path = self._config.rootpath / update.file
            if path.is_file() and path.read_bytes() == update.text.encode("utf-8"):
                continue  # the worker runs in this very tree
            try:
                write_atomically(path, update.text)
            except BaselineWriteError as problem:
                self._problems.append(str(problem))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that would lose a baseline."""
        if self._problems and exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what could not be written."""
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)
