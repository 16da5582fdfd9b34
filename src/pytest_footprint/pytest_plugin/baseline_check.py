"""One comparison of a value with its stored baseline, and what to tell the user about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pytest_footprint.baseline import BaselineFormatError, encode, read
from pytest_footprint.baseline.kinds import Value
from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.results import BaselineUpdate
from pytest_footprint.pytest_plugin.texts import missing
from pytest_footprint.report import brief, failure_text

_NO_DIFFERENCE = Comparison()


@dataclass(frozen=True, slots=True)
class BaselineCheck:
    """What is stored at ``path``, what was measured, and how the two differ."""

    path: Path
    shown_path: str
    """As the user would type it."""
    value: Value
    command: str
    """What writes this baseline again."""
    stored: Value | None = None
    """``None`` when nothing is stored, or nothing that can be read."""
    comparison: Comparison = _NO_DIFFERENCE
    problem: str = ""
    """Why the stored baseline cannot be read; ``""`` when it can, or when there is none."""

    @property
    def holds(self) -> bool:
        """Whether the value is what is stored, within the tolerance."""
        return self.stored is not None and not self.comparison

    def content(self) -> str:
        """What the file should hold: its present text while that holds, so that an update leaves it alone."""
        return self.path.read_text("utf-8") if self.holds else encode(self.value)

    def update(self) -> BaselineUpdate:
        """The row of the summary once the value is written."""
        before = "unreadable" if self.problem else "" if self.stored is None else brief(self.stored)
        return BaselineUpdate(self.shown_path, before, brief(self.value))

    def failure(self, *, verbose: bool) -> str:
        """Text for the user when the value is not what is stored."""
        if self.problem:
            return f"memory baseline cannot be read: {self.problem}"
        if self.stored is None:
            return missing(self.shown_path, self.value, self.command)
        return failure_text(self.comparison, accept=self.command, verbose=verbose)


def check(path: Path, shown_path: str, value: Value, tolerance: Tolerance, command: str) -> BaselineCheck:
    """Read the baseline at ``path`` and compare ``value`` with it."""
    unknown = BaselineCheck(path, shown_path, value, command)
    try:
        stored = read(path, kind=type(value), renew=command)
    except FileNotFoundError:
        return unknown
    except BaselineFormatError as problem:
        return replace(unknown, problem=str(problem).replace(str(path), shown_path))
    except OSError as problem:
        return replace(unknown, problem=f"{shown_path}: {problem.strerror}")
    # `read` has made sure that both are of one kind.
    comparison = compare(stored, value, tolerance)  # type: ignore[type-var]
    return replace(unknown, stored=stored, comparison=comparison)
