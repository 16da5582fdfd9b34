"""Flat copies of everything at once, as buckets and flattened parameters are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.comparison import Culprit
from pytest_footprint.model.finding import FlatCopy
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.usage import Usage

_PASSING = frozenset({RefType.ACTIVATION, RefType.TEMPORARY, RefType.OTHER})


def flat_copies(after: Footprint, culprits: Iterable[Culprit]) -> Iterator[FlatCopy]:
    """The largest; gradients are more often what is meant where both are as large."""
    for one in culprits:
        if one.ref_type not in _PASSING or one.nbytes <= 0 or len(one.shape or ()) != 1 or one.was_shape is not None:
            continue
        each = one.nbytes // max(1, one.count)
        for kind in (RefType.GRADIENT, RefType.PARAMETER):
            whole = {usages.get(one.device, Usage())[kind] for usages in (after.peak, after.end)}
            if each in whole:
                yield FlatCopy(kind, one.op, one.count, one.source)
                return
