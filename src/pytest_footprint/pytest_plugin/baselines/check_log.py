"""What the baseline checks of one test have done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_footprint.pytest_plugin.results import BaselineUpdate


@dataclass(slots=True)
class CheckLog:
    """One for each run of a test."""

    unnamed: int = 0
    """Checks without a name: the second gets the number 2."""
    checked: set[Path] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    """Baselines that were looked at; not yet attached to a report."""
    updates: list[BaselineUpdate] = field(default_factory=list)
    """Not yet attached to a report."""
    failure: str = ""
    """What the latest check has to say; empty when it passed."""

    def take_updates(self) -> tuple[BaselineUpdate, ...]:
        """Updates since the last time, each once."""
        taken, self.updates = tuple(self.updates), []
        return taken

    def take_asked(self) -> tuple[str, ...]:
        """Baselines that were looked at since the last time."""
        taken, self.asked = tuple(self.asked), []
        return taken


CHECK_LOG = pytest.StashKey[CheckLog]()
