"""What two footprints prove together; a file for each kind of finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_footprint.comparison.findings.copies import parameter_copies
from pytest_footprint.comparison.findings.doubles import doubled
from pytest_footprint.comparison.findings.dtypes import new_dtypes
from pytest_footprint.comparison.findings.flat import flat_copies
from pytest_footprint.comparison.findings.gradients import kept_gradients
from pytest_footprint.comparison.findings.remade import remade
from pytest_footprint.comparison.findings.shards import resharded
from pytest_footprint.comparison.findings.training import trained
from pytest_footprint.comparison.findings.units import otherwise_unsharded
from pytest_footprint.model.comparison import Change, Culprit
from pytest_footprint.model.finding import Finding
from pytest_footprint.model.footprint import Footprint

__all__ = ["findings"]


def findings(
    before: Footprint, after: Footprint, changes: Sequence[Change], culprits: Sequence[Culprit]
) -> Iterator[Finding]:
    """The most telling first: what was built otherwise, then what is kept, then what is computed otherwise."""
    yield from trained(before, after, changes)
    yield from otherwise_unsharded(before, after)
    yield from resharded(before, after)
    yield from doubled(before, after)
    yield from kept_gradients(before, after, changes)
    yield from parameter_copies(after, changes, culprits)
    yield from flat_copies(after, culprits)
    yield from new_dtypes(before, after)
    yield from remade(before, after)
