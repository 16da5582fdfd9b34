"""What differs between two runs: a value that reports draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.footprint import Footprint


@dataclass(frozen=True, slots=True)
class FootprintChange:
    """A footprint that both runs have and that is another one now."""

    test: str
    name: str
    """Which footprint of the test, as `TakenFootprint.name`."""
    before: Footprint
    after: Footprint
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class OnlyOneSide:
    """A test, or some footprints of it, that only one of the runs has."""

    test: str
    names: tuple[str, ...]
    """Footprints that the other run lacks."""
    why: str
    """The outcome of the test in the other run, where it takes no footprint at all; ``""`` when it is not there."""
    whole: bool = True
    """Whether the other run has no footprint of this test."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """The result of comparing a run (head) with an earlier one (base)."""

    tests: int
    """Tests that took footprints in both."""
    changes: tuple[FootprintChange, ...] = ()
    """Sorted by test, in the order in which each took them."""
    appeared: tuple[OnlyOneSide, ...] = ()
    vanished: tuple[OnlyOneSide, ...] = ()
    environment: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Versions and devices that differ: name -> (base, head)."""
    incomplete: tuple[str, ...] = ()
    """``base``, ``head``: the runs in which not all tests ran."""
