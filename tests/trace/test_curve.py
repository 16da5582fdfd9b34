from __future__ import annotations

from random import Random

import pytest

from pytest_footprint.trace.curve import Curve


@pytest.mark.parametrize("most", [3, 1_000_000], ids=["many equals", "hardly any equals"])
def test_the_highest_point_of_any_stretch_is_the_first_of_its_highest_totals(most: int) -> None:
    random = Random(most)  # noqa: S311 - the same numbers each time
    totals = [random.randrange(most) for _ in range(9_000)]  # long enough for blocks and what stands out on both sides
    curve = Curve(totals)

    for _ in range(2_000):
        first = random.randrange(-1, len(totals) - 1)
        last = random.randrange(first + 1, len(totals))
        stretch = totals[first + 1 : last + 1]
        assert curve.highest(first, last) == (max(stretch), first + stretch.index(max(stretch)))


def test_a_curve_without_events_has_one_point() -> None:
    assert Curve([7]).highest(-1, 0) == (7, -1)
