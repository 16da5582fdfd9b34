"""Baselines that workers of xdist wrote in other folders, or on other machines: they belong into this tree too."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.results import LIKE_FIRST_RANK, BaselineUpdate, Results

if TYPE_CHECKING:
    import pytest


class BroughtHome:
    """In the process that prints: writes what a worker wrote elsewhere."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._problems: list[str] = []
        self._brought: dict[str, Path] = {}
        self._deleted: set[str] = set()

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Write the baselines of one phase that are not here as they are there."""
        if not hasattr(report, "node"):
            return
        for update in results.updates:
            if update.after == LIKE_FIRST_RANK:
                self._delete(update.baseline)
            elif update.file and not PurePath(update.file).is_absolute():
                self._write(update)

    def _delete(self, baseline: str) -> None:
        """Two workers tell of one file in either order: that one has written it, and that the other deleted it."""
        self._deleted.add(baseline)
        if (path := self._brought.pop(baseline, None)) is not None:
            path.unlink(missing_ok=True)

    def _write(self, update: BaselineUpdate) -> None:
        from pytest_footprint.baseline import BaselineWriteError, write_atomically  # noqa: PLC0415 - with an update

        path = self._config.rootpath / update.file
        if update.baseline in self._deleted or (path.is_file() and path.read_bytes() == update.text.encode("utf-8")):
            return  # gone again, or the worker runs in this very tree
        try:
            write_atomically(path, update.text)
        except BaselineWriteError as problem:
            self._problems.append(str(problem))
        else:
            self._brought[update.baseline] = path

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that would lose a baseline."""
        if self._problems and exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what could not be written."""
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)
