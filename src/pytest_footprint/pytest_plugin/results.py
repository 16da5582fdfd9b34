"""What the process that prints needs of each test, and how it travels there from an xdist worker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

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
    module: str = ""
    """What holds most of the peak."""
    used: float | None = None
    """Share of the limit that was used; ``None`` without a limit."""
    more: dict[str, str] = field(default_factory=dict)
    """Columns of other plugins: header -> cell."""


LIKE_FIRST_RANK = "that of the first rank"
"""What a file said that was deleted because it said no more."""


@dataclass(frozen=True, slots=True)
class BaselineUpdate:
    """One baseline that was written."""

    baseline: str
    """Path of the file, as the user would type it."""
    before: str
    """What it said, in a few words; ``""`` when it is new."""
    after: str
    bytes_before: int | None = None
    """Its peak on all devices; ``None`` when there was none, or for values that are no bytes."""
    bytes_after: int | None = None
    file: str = ""
    """Path of the file from pytest's root directory: workers on other machines have other roots."""
    text: str = ""
    """What was written."""


@dataclass(frozen=True, slots=True)
class RankResult:
    """What a test with `vary_rank` took as one of its ranks: the last footprint that it measured, else all of it."""

    test: str
    """Its node id without the rank."""
    rank: int
    device: str
    """The one with the highest peak."""
    peak: dict[str, int]
    """Bytes by reference type."""
    end: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Results:
    """What one phase of one test found."""

    tracked: tuple[TrackedTest, ...] = ()
    updates: tuple[BaselineUpdate, ...] = ()
    failure: str = ""
    """Our text, when the phase failed for a limit or a baseline."""
    findings: str = ""
    """The test's part of ``--mem-json``; ``""`` in all phases but the last."""
    pictures: str = ""
    """The test's part of ``--mem-html``: a list of `Picture` as JSON; ``""`` in all phases but the last."""
    devices: tuple[str, ...] = ()
    """The devices that these findings come from."""
    asked: tuple[str, ...] = ()
    """Baselines that were looked at, from pytest's root directory."""
    rank: RankResult | None = None
    """What the test took as this rank, if it varies it."""
    traces: tuple[str, ...] = ()
    """Trace files that were written of the test, as the user would type them."""
    trace_problem: str = ""
    """Why they were not."""

    def attach_to(self, report: pytest.TestReport) -> None:
        """Let ``report`` carry this, also to another process."""
        if self != _NOTHING:
            setattr(report, _ATTRIBUTE, json.dumps(asdict(self)))

    @classmethod
    def carried_by(cls, report: pytest.TestReport) -> Results:
        """What `attach_to` left."""
        text = getattr(report, _ATTRIBUTE, None)
        if text is None:
            return _NOTHING
        sent = json.loads(text)
        return cls(
            tracked=tuple(TrackedTest(**row) for row in sent["tracked"]),
            updates=tuple(BaselineUpdate(**row) for row in sent["updates"]),
            failure=sent["failure"],
            findings=sent["findings"],
            pictures=sent["pictures"],
            devices=tuple(sent["devices"]),
            asked=tuple(sent["asked"]),
            rank=RankResult(**sent["rank"]) if sent["rank"] else None,
            traces=tuple(sent["traces"]),
            trace_problem=sent["trace_problem"],
        )


_NOTHING = Results()


class Taker(Protocol):
    """Somebody who wants what reports carry."""

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Take the results of one phase of one test."""


class Receiver:
    """Reads what each report carries, once for all who want it: a plugin object of the process that prints."""

    def __init__(self, takers: Sequence[Taker]) -> None:
        self._takers = takers

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hand the results of one phase on."""
        results = Results.carried_by(report)
        for taker in self._takers:
            taker.take(report, results)
