"""What a picture shows of one footprint, beside the footprint itself."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.footprint import Footprint


@dataclass(frozen=True, slots=True)
class Picture:
    """The course of one footprint, and what it was compared with."""

    name: str
    """Which footprint of the test, as `TakenFootprint.name`."""
    course: str
    """All lifetimes as compact columns (`report.page.columns`); ``""`` where nobody read them."""
    baseline: Footprint | None = None
    """What is stored, where something is; without structure and orders."""
    baseline_course: str = ""
    """The course of an earlier run that this baseline held for; ``""`` where none is remembered."""
    difference: str = ""
    """The whole text of the comparison with it; ``""`` when they agree."""
