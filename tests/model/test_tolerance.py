from __future__ import annotations

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.tolerance import EXACT, Tolerance


@pytest.mark.parametrize(
    ("value", "tolerance"),
    [
        ("2%", Tolerance(relative=0.02)),
        ("0.02", Tolerance(relative=0.02)),
        (0.02, Tolerance(relative=0.02)),
        (0, EXACT),
        ("0", EXACT),
        ("1MiB", Tolerance(absolute=ByteSize(2**20))),
        (Tolerance(relative=0.1), Tolerance(relative=0.1)),
    ],
)
def test_tolerances_are_read(value: object, tolerance: Tolerance) -> None:
    assert Tolerance.parse(value) == tolerance


@pytest.mark.parametrize("wrong", ["", "-1%", "100%", 1, -0.1, "much", None, True, float("nan")])
def test_what_is_no_tolerance_is_refused_with_the_accepted_forms(wrong: object) -> None:
    with pytest.raises(ValueError, match=r'is not a tolerance; write "2%", a fraction .* or a size such as "1MiB"'):
        Tolerance.parse(wrong)


@pytest.mark.parametrize(
    ("after", "allowed"),
    [(98, True), (97, False), (102, True), (103, False)],
    ids=["2 less", "3 less", "2 more", "3 more"],
)
def test_two_percent_are_allowed_in_both_directions(after: int, allowed: bool) -> None:  # noqa: FBT001
    assert Tolerance.parse("2%").allows(100, after) is allowed


def test_bytes_are_allowed_where_the_baseline_is_nothing() -> None:
    assert Tolerance.parse("1KiB").allows(0, 1024)
    assert not Tolerance.parse("1KiB").allows(0, 1025)
    assert not Tolerance.parse("50%").allows(0, 1)


@pytest.mark.parametrize(("value", "text"), [("2%", "2%"), ("1MiB", "1 MiB"), (0, "0%")])
def test_tolerances_print_as_they_are_written(value: object, text: str) -> None:
    assert str(Tolerance.parse(value)) == text
