"""What differs between two values of each rank."""

from __future__ import annotations

from typing import Any

from pytest_footprint.comparison.compare import compare
from pytest_footprint.model.comparison import Comparison, Signal
from pytest_footprint.model.rank_comparison import RankComparison, RankDifference
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.tolerance import EXACT, Tolerance


def compare_ranks(before: RankValues[Any], after: RankValues[Any], tolerance: Tolerance = EXACT) -> RankComparison:
    """Hold each rank against the same rank of ``before``; the tolerance is for byte counts only.

    Raises:
        TypeError: the values are not of one kind, or of none that can be compared.
    """
    then = {rank: group.value for group in before.groups for rank in group.ranks}
    now = {rank: group.value for group in after.groups for rank in group.ranks}
    # Ranks that are alike on both sides are compared once.
    pairs: dict[tuple[int, int], list[int]] = {}
    for rank, value in now.items():
        if rank in then:
            pairs.setdefault((id(then[rank]), id(value)), []).append(rank)
    found = [(tuple(ranks), compare(then[ranks[0]], now[ranks[0]], tolerance)) for ranks in pairs.values()]
    differences = [RankDifference(ranks, comparison) for ranks, comparison in found if comparison]
    differences.sort(key=lambda one: (-_grown(one.comparison), one.ranks[0]))
    return RankComparison(tuple(differences), tuple(before), tuple(after))


def _grown(comparison: Comparison) -> int:
    """Bytes by which the total of the peak or the end grew most; whatever shrank counts below what stayed."""
    totals = [
        int(change.difference)
        for change in comparison.sizes
        if change.subject == "total" and change.signal in {Signal.PEAK, Signal.END}
    ]
    return max(totals, default=0)
