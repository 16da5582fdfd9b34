from __future__ import annotations

import re

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure
from pytest_footprint.model.saving import AtLeast, Saving


def _saving(off: int, on: int, at_least: object) -> Saving:
    return Saving(Figure("peak"), ByteSize(off), ByteSize(on), AtLeast.parse(at_least))


@pytest.mark.parametrize(
    ("on", "at_least", "enough", "slack"),
    [
        (999, None, True, 0),
        (1000, None, False, -1),
        (1001, None, False, -2),
        (600, "40%", True, 0),
        (601, "40%", False, -1),
        (600, 0.4, True, 0),
        (601, 0.4, False, -1),
        (599, " 40 % ", True, 1),
        (1000, "0%", False, -1),
        (1000, 0, False, -1),
        (488, "0.5KiB", True, 0),
        (489, "512 B", False, -1),
        (999, "0.15%", False, -1),
        (998, "0.15%", True, 0),
    ],
)
def test_exactly_what_is_demanded_is_enough_and_one_byte_less_is_not(
    *, on: int, at_least: object, enough: bool, slack: int
) -> None:
    saving = _saving(1000, on, at_least)

    assert (saving.enough, saving.slack) == (enough, slack)


def test_shares_are_exact_however_large_the_sizes_are() -> None:
    whole = 10 * 2**60 + 10

    assert _saving(whole, whole * 9 // 10, 0.1).enough
    assert not _saving(whole, whole * 9 // 10 + 1, 0.1).enough


def test_where_there_was_nothing_nothing_can_be_saved() -> None:
    saving = _saving(0, 0, "40%")

    assert not saving.enough
    assert saving.percent is None


@pytest.mark.parametrize(
    "bad", ["", "40", "forty", "100%", "140%", "-1%", 1, 50, -0.1, True, [], "1 parsec", "nan%", "1/0"]
)
def test_what_is_no_saving_is_an_error_that_shows_the_forms(bad: object) -> None:
    with pytest.raises(ValueError, match=rf'^at_least={re.escape(repr(bad))} is no saving; write "40%", a sha'):
        AtLeast.parse(bad)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "anything"), (0.4, "40 %"), ("12.5%", "12.5 %"), ("1MiB", "1 MiB"), ("0%", "anything")]
)
def test_a_demand_prints_as_people_say_it(value: object, text: str) -> None:
    assert str(AtLeast.parse(value)) == text
