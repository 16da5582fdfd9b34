"""``--mem-json``: the whole run as one file, also when xdist's workers ran it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_footprint.baseline.atomic import replace_atomically
from pytest_footprint.pytest_plugin.output.run_log import RunLog
from pytest_footprint.pytest_plugin.relative import relative


class RunFile:
    """Writes what a log holds when the session is over."""

    WHAT = "memory of this run"

    def __init__(self, config: pytest.Config, path: Path, log: RunLog) -> None:
        self._config = config
        self._path = path
        self._log = log
        self._problem = ""

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
        shown = relative(self._path, self._config.invocation_params.dir)
        if self._problem:
            said = f"cannot write the {self.WHAT} to {shown}: {self._problem}; what stood there is untouched"
            terminalreporter.write_line(said, red=True)
        elif terminalreporter.verbosity >= 0:
            terminalreporter.write_sep("-", f"{self.WHAT}: {shown}")

    def _text(self, *, complete: bool) -> str:
        return self._log.text(complete=complete)
