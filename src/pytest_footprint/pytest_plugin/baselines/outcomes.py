"""How far each test of the run came."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class Outcomes:
    """Read from the reports of all phases."""

    def __init__(self) -> None:
        self._passed: dict[str, bool] = {}
        self._ended: set[str] = set()

    @property
    def count(self) -> int:
        """Tests that came to an end."""
        return len(self._ended)

    def note(self, report: pytest.TestReport) -> None:
        """Take one phase; the last run of a test that is rerun counts."""
        passed = report.outcome == "passed" and not hasattr(report, "wasxfail")
        before = report.when == "setup" or self._passed.get(report.nodeid, True)
        self._passed[report.nodeid] = passed and before
        if report.when not in {"setup", "call"}:  # also the report on a crashed worker, of no phase
            self._ended.add(report.nodeid)

    def reached_all(self, node: str) -> bool:
        """Whether the test passed, so that each of its checks ran."""
        return self._passed.get(node, False)
