"""A recording with the footprints that were taken from it: what a trace file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.lifetimes import Lifetimes
from pytest_footprint.model.structure import Structure
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.moment import Moment, reading_at
from pytest_footprint.trace.trace import Trace


@dataclass(frozen=True, slots=True)
class Take:
    """One footprint that was taken from a recording, and what is not in its events."""

    name: str
    """As in a run: ``test``, ``run``, ``run 2``, ``check``."""
    moment: Moment
    structure: Structure
    environment: Mapping[str, str]

    def footprint(self, trace: Trace) -> Footprint:
        """Read it again."""
        reading = reading_at(trace, self.moment)
        return reading.footprint(self.moment.window, structure=self.structure, environment=self.environment)

    def lifetimes(self, trace: Trace) -> Lifetimes:
        """All that was alive meanwhile, and what ran."""
        return lifetimes(reading_at(trace, self.moment), self.moment.window)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording of one test."""

    trace: Trace
    takes: tuple[Take, ...]
    test: str = ""
    """Its node id."""
    outcome: str = ""
    """How the test ended, in pytest's words; ``""`` where that is not known."""
    about: Mapping[str, str] | None = None
    """What wrote it: versions, platform, the number of the run of a test that is rerun."""
