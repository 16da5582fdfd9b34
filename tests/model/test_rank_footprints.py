from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint import ByteSize, DeviceUsage, Footprint, RankFootprints, Usage
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.rank_footprints import on_first_device
from pytest_footprint.model.rank_numbers import rank_numbers, ranks_said, read_rank_numbers
from pytest_footprint.model.ref_type import RefType


def took(nbytes: int, device: str = "cpu") -> Footprint:
    usage = DeviceUsage({device: Usage(activations=ByteSize(nbytes))})
    group = LiveGroup(RefType.ACTIVATION, "M", "aten.mm", (nbytes,), "int8", device, 1, ByteSize(nbytes))
    return Footprint(peak=usage, at_peak=(group,), environment={"device": "cuda-H100"})


RANKS = RankFootprints({3: took(8), 0: took(4), 1: took(4), 2: took(2)})


def test_ranks_are_told_from_each_other() -> None:
    assert list(RANKS) == [0, 1, 2, 3]
    assert (RANKS.max_rank, RANKS.min_rank) == (3, 2)
    assert RANKS.max.peak.total == 8
    assert RANKS.min.peak.total == 2
    assert RANKS.differing == (2, 3)
    assert RANKS.common == took(4)
    assert not RANKS.alike
    assert [group.ranks for group in RANKS.groups] == [(0, 1), (2,), (3,)]


def test_the_lowest_rank_stands_for_those_that_are_equal() -> None:
    alike = RankFootprints({1: took(4), 2: took(4)})

    assert (alike.max_rank, alike.min_rank, alike.differing, alike.alike) == (1, 1, (), True)


def test_what_a_baseline_does_not_hold_makes_no_difference() -> None:
    marked = Footprint(peak=took(4).peak, at_peak=took(4).at_peak, marks={"here": took(4).peak})

    assert RankFootprints({0: took(4), 1: marked}).alike


def test_a_rank_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match=r"there is no rank 7; ranks: 0-3"):
        RANKS[7]


@pytest.mark.parametrize("wrong", [{}, {-1: took(1)}, {"0": took(1)}, {True: took(1)}])
def test_only_ranks_have_values(wrong: dict[int, Footprint]) -> None:
    with pytest.raises(ValueError, match=r"^values of ranks: "):
        RankFootprints(wrong)


def test_they_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(RANKS)) == RANKS  # noqa: S301 - our own
    assert pickle.loads(pickle.dumps(RANKS[0])) == RANKS[0]  # noqa: S301 - our own


def test_the_device_of_a_rank_is_its_first() -> None:
    assert on_first_device(took(4, "cuda:3")) == took(4, "cuda:0")
    assert on_first_device(took(4, "cuda:0")) == took(4, "cuda:0")
    both = Footprint(peak=DeviceUsage({"cuda:1": Usage(), "cuda:3": Usage(), "cpu": Usage()}))
    assert on_first_device(both) == both


@given(st.sets(st.integers(0, 40), min_size=1))
def test_numbers_of_ranks_are_read_as_they_were_written(ranks: set[int]) -> None:
    assert read_rank_numbers(rank_numbers(ranks)) == tuple(sorted(ranks))


@pytest.mark.parametrize("wrong", ["", "a", "3-1", "1,1", "2,1", "0-99999999", "1-"])
def test_what_names_no_ranks_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="ranks"):
        read_rank_numbers(wrong)


def test_ranks_are_said_as_people_do() -> None:
    assert ranks_said([3]) == "rank 3"
    assert ranks_said([0, 1, 2, 7]) == "ranks 0-2,7"
