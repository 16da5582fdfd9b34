"""What the summary needs of each test, and how it travels from an xdist worker."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_ATTRIBUTE = "footprint_results"
"""Attribute of test reports. It holds one string: xdist moves exact builtins only, and dies on anything else."""


@dataclass(frozen=True, slots=True)
class TrackedTest:
    """One row of ``--mem-report``, in the words that are shown."""

    test: str
    nbytes: int
    """The peak in bytes."""
    peak: str
    allocated: str
    """The peak by the allocator's own counters; ``""`` where there are none."""
    reserved: str
    largest: str
    limit: str
    verdict: str


@dataclass(frozen=True, slots=True)
class BaselineUpdate:
    """One baseline that was written."""

    baseline: str
    """Path of the file, as the user would type it."""
    before: str
    """What it said, in a few words; ``""`` when it is new."""
    after: str


@dataclass(frozen=True, slots=True)
class Results:
    """What one phase of one test found."""

    tracked: tuple[TrackedTest, ...] = ()
    updates: tuple[BaselineUpdate, ...] = ()

    def attach_to(self, report: pytest.TestReport) -> None:
        """Let ``report`` carry this, also to another process."""
        if self.tracked or self.updates:
            setattr(report, _ATTRIBUTE, json.dumps(asdict(self)))

    @classmethod
    def carried_by(cls, report: pytest.TestReport) -> Results:
        """What `attach_to` left."""
        text = getattr(report, _ATTRIBUTE, None)
        if text is None:
            return cls()
        sent = json.loads(text)
        return cls(
            tuple(TrackedTest(**row) for row in sent["tracked"]),
            tuple(BaselineUpdate(**row) for row in sent["updates"]),
        )
