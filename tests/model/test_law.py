from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint.model.law import LINEAR, Law, checked_points, fitted

NS = st.lists(st.integers(1, 500), min_size=3, max_size=6, unique=True).map(sorted)
COEFFICIENTS = st.tuples(st.integers(0, 2**40), st.integers(1, 2**30), st.integers(1, 2**20))


@given(NS, COEFFICIENTS)
def test_what_follows_a_law_lies_on_its_curve_to_the_byte(ns: list[int], factors: tuple[int, int, int]) -> None:
    constant, slope, _ = factors
    for law in (LINEAR, Law("n**2"), Law("n**3")):
        points = {n: constant + slope * int(law.at(n)) for n in ns}

        assert law.through_first_two(points) == points


@given(NS, COEFFICIENTS)
def test_what_grows_faster_is_above_the_curve_and_what_grows_slower_below(
    ns: list[int], factors: tuple[int, int, int]
) -> None:
    constant, slope, square = factors
    points = {n: constant + slope * n + square * n * n for n in ns}

    assert all(points[n] > LINEAR.through_first_two(points)[n] for n in ns[2:])
    assert all(points[n] < Law("n**2").through_first_two(points)[n] for n in ns[2:])


def test_a_constant_is_the_first_point() -> None:
    assert Law("1").through_first_two({1: 5, 2: 7, 4: 9}) == {1: 5, 2: 5, 4: 5}


@pytest.mark.parametrize(
    ("text", "n", "value"),
    [
        ("n", 3, 3),
        ("n ** 2", 3, 9),
        ("n**0.5", 4, 2),
        ("n**3", 2, 8),
        ("1", 9, 0),
        ("log(n)", 1, 0),
        ("n*log(n)", 1, 0),
    ],
)
def test_laws_are_read(text: str, n: int, value: int) -> None:
    assert Law.parse(text).at(n) == Fraction(value)


@pytest.mark.parametrize("bad", ["", "n!", "2*n", "n**0", "n**-1", "x", 1, None])
def test_what_is_no_law_is_an_error_that_shows_the_forms(bad: object) -> None:
    with pytest.raises(ValueError, match=rf'^{re.escape(repr(bad))} is no law; write "n", "n\*\*2", '):
        Law.parse(bad)


@pytest.mark.parametrize("bad", [[], [1, 2], [1, 2, 2], [0, 1, 2], [1, 2, 3.5], [True, 2, 3]])
def test_points_that_fit_any_law_are_an_error(bad: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"^n={re.escape(str(bad))} must be 3 or more different whole numbers from 1"):
        checked_points(bad)


def test_points_are_taken_in_rising_order() -> None:
    assert checked_points([4, 1, 2]) == (1, 2, 4)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({1: 2048, 2: 2048, 4: 2048}, "2 KiB"),
        ({1: 3072, 2: 4096, 4: 6144}, "2 KiB + 1 KiB*n"),
        ({1: 0, 2: 1024, 4: 3072}, "-1 KiB + 1 KiB*n"),
        ({2: 4, 4: 5, 8: 7}, "3 B + 0.5 B*n"),
        ({2: 4096, 4: 7169, 8: 13315}, "1023 B + 1.5 KiB*n"),
        ({1: 25, 2: 36, 4: 64, 8: 144}, "16 B + 8 B*n + 1 B*n**2"),
        ({1: 25, 2: 36, 4: 64}, "16 B + 8 B*n + 1 B*n**2 (any 3 points fit one of degree 2)"),
        ({1: 1, 2: 8, 4: 64, 8: 512}, "no polynomial of degree 2 or less; from n=4 to n=8 like n**3.00"),
        ({1: 0, 2: 0, 4: 0}, "0 B"),
    ],
)
def test_the_law_that_points_follow_is_said(points: dict[int, int], said: str) -> None:
    assert fitted(points) == said
