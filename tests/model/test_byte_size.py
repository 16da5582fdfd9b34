from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint.model.byte_size import ByteSize


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("2GiB", 2 * 2**30),
        ("500 MB", 500_000_000),
        (" 1.5 KiB ", 1536),
        ("1024", 1024),
        (1025, 1025),
        (0, 0),
        ("0 B", 0),
        ("0.1KiB", 102),
        ("2.5 B", 3),
        ("9007199254740993 B", 2**53 + 1),
    ],
)
def test_sizes_are_read_to_the_byte(text: object, nbytes: int) -> None:
    assert ByteSize.parse(text) == nbytes


@pytest.mark.parametrize(
    "wrong", ["2 gib", "2 Gi", "-1", "-1 KiB", "1e3", "", "B", ".5 KiB", None, True, -2, 1.5, b"1"]
)
def test_what_is_no_size_is_refused_with_the_accepted_forms(wrong: object) -> None:
    with pytest.raises(ValueError, match=r'is not a byte size; write "2GiB", "500 MB" \(decimal\) or 1024') as raised:
        ByteSize.parse(wrong)

    assert str(raised.value).startswith(repr(wrong))


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1280, "1.25 KiB"),
        (10 * 2**10, "10 KiB"),
        (2**20 - 1, "1 MiB"),
        (2**20 - 2**12, "1020 KiB"),
        (2**30 - 1, "1 GiB"),
        (3 * 2**50, "3072 TiB"),
        (-(2**20), "-1 MiB"),
        (-5, "-5 B"),
    ],
)
def test_sizes_print_in_the_largest_unit_that_they_fill(nbytes: int, text: str) -> None:
    assert str(ByteSize(nbytes)) == text


@given(st.integers(0, 2**60))
def test_what_is_printed_reads_back_within_half_of_the_last_digit(nbytes: int) -> None:
    read = ByteSize.parse(str(ByteSize(nbytes)))

    unit = max((2 ** (10 * power) for power in range(5) if nbytes >= 2 ** (10 * power)), default=1)
    assert abs(read - nbytes) <= unit * 1024 * 0.005 + 1


@given(st.integers(-(2**60), 2**60), st.integers(-(2**60), 2**60))
def test_sums_and_differences_are_sizes_too(one: int, other: int) -> None:
    left, right = ByteSize(one), ByteSize(other)

    for size, number in (
        (left + right, one + other),
        (one + right, one + other),
        (left - right, one - other),
        (one - right, one - other),
        (-left, -one),
        (abs(left), abs(one)),
    ):
        assert isinstance(size, ByteSize)
        assert size == number


def test_format_specs_for_numbers_give_numbers_and_others_text() -> None:
    size = ByteSize(1536)

    assert f"{size}" == "1.5 KiB"
    assert f"{size:>10}" == "   1.5 KiB"
    assert f"{size:,}" == "1,536"
    assert f"{size:d}" == "1536"


def test_sizes_survive_pickling_and_copying() -> None:
    size = ByteSize(5)

    assert type(pickle.loads(pickle.dumps(size))) is ByteSize  # noqa: S301 - our own bytes
    assert copy.deepcopy(size) == size
