"""Gradients that nobody dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.comparison.sizes import TOTAL
from pytest_footprint.model.comparison import Change, Signal, SizeChange
from pytest_footprint.model.finding import KeptGradients
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.usage import Usage

_GRADIENTS = frozenset({RefType.GRADIENT.value, RefType.SHARDED_GRADIENT.value})


def kept_gradients(before: Footprint, after: Footprint, changes: Iterable[Change]) -> Iterator[KeptGradients]:
    """After a step whose baseline leaves none; or at the peak, all those that were there when the step began."""
    sizes = [change for change in changes if isinstance(change, SizeChange)]
    for device in after.peak:
        for change in sizes:
            if change.device != device or change.subject not in _GRADIENTS:
                continue
            start = after.start.get(device, Usage())[change.subject]
            if change.signal is Signal.END and not change.before:
                yield KeptGradients(device, change.after, at_peak=False, start=start)
                break
            if change.signal is Signal.PEAK and change.after == start > change.before and _alone(sizes, change):
                # The moment is the same, as nothing else differs at it: so these were not made since.
                yield KeptGradients(device, change.difference, at_peak=True, start=start)
                break


def _alone(sizes: Iterable[SizeChange], change: SizeChange) -> bool:
    same = [one.subject for one in sizes if (one.signal, one.device) == (change.signal, change.device)]
    return set(same) <= {change.subject, TOTAL}
