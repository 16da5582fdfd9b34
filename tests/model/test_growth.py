from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.usage import DeviceUsage, Usage

LOGITS = LiveGroup(
    RefType.ACTIVATION, "GPT.head", "aten.mm", (4, 64), "float32", "cpu", 1, ByteSize(1024), "model.py:72"
)


def _alive(nbytes: int) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage(activations=ByteSize(nbytes))})


def _footprint(*kibibytes: int) -> Footprint:
    """The first number is what was alive at the start, the others are alive at the end of a step each."""
    steps = []
    for before, now in pairwise(kibibytes):
        moved = replace(LOGITS, count=now - before, nbytes=ByteSize(1024 * (now - before)))
        steps.append(StepEnd(_alive(1024 * now), (moved,) if moved.count else ()))
    return Footprint(
        start=_alive(1024 * kibibytes[0]), end=_alive(1024 * kibibytes[-1]), steps=len(steps), step_ends=tuple(steps)
    )


def _said(footprint: Footprint, *, skip: int = 1) -> str:
    with pytest.raises(AssertionError) as caught:
        footprint.assert_no_growth(skip=skip)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kibibytes", "skip"),
    [((0, 3, 3, 3), 1), ((0, 3, 2, 3), 1), ((0, 2, 3, 2, 3), 2), ((3, 3), 0), ((3, 1), 0), ((0, 1, 2, 3, 3), 3)],
)
def test_steps_that_end_with_no_more_than_an_earlier_one_pass(kibibytes: tuple[int, ...], skip: int) -> None:
    _footprint(*kibibytes).assert_no_growth(skip=skip)


def test_one_byte_more_fails() -> None:
    footprint = _footprint(0, 1, 1)
    last = StepEnd(_alive(1025), ())

    said = _said(replace(footprint, end=last.usage, step_ends=(footprint.step_ends[0], last)))

    assert said == "cpu memory grows from step to step: +1 B in step 2, the only one that is compared"


def test_what_every_step_adds_is_named_with_module_and_line() -> None:
    assert _said(_footprint(0, 5, 6, 7, 8)) == (
        "cpu memory grows from step to step: +3 KiB after step 1, +1 KiB with each of steps 2 to 4\n"
        "  +3 KiB activations of GPT.head: 3 x float32[4, 64] from aten.mm, model.py:72"
    )


def test_what_only_one_step_adds_is_told_as_what_may_be_warm_up() -> None:
    assert _said(_footprint(0, 5, 7, 7, 7)).partition("\n")[0] == (
        "cpu memory grows from step to step: +2 KiB in step 2 and in none of the 2 after it: if that is warm-up, skip=2"
    )


def test_uneven_growth_is_told_step_by_step_up_to_the_highest_one() -> None:
    assert _said(_footprint(0, 5, 5, 9, 6), skip=0) == (
        "cpu memory grows from step to step: +9 KiB since the start; steps 1 to 4: +5 KiB, 0 B, +4 KiB, -3 KiB\n"
        "  +9 KiB activations of GPT.head: 9 x float32[4, 64] from aten.mm, model.py:72"
    )


def test_only_the_largest_are_named() -> None:
    moved = tuple(replace(LOGITS, fqn=f"GPT.{name}", shape=(at + 1,)) for at, name in enumerate("abcdefg"))
    footprint = replace(_footprint(0, 7), step_ends=(StepEnd(_alive(7 * 1024), moved),))

    assert _said(footprint, skip=0).endswith("\n  ... and 2 more")


def test_repeated_layers_are_one_line() -> None:
    moved = tuple(replace(LOGITS, fqn=f"GPT.layers.{at}") for at in range(3))
    footprint = replace(_footprint(0, 3), step_ends=(StepEnd(_alive(3 * 1024), moved),))

    assert _said(footprint, skip=0).splitlines()[1:] == [
        "  +3 KiB activations of GPT.layers.{0..2}: 3 x float32[4, 64] from aten.mm, model.py:72"
    ]


@pytest.mark.parametrize("skip", [2, 5])
def test_too_few_steps_are_an_error_that_says_how_to_measure_more(skip: int) -> None:
    with pytest.raises(ValueError, match=rf"needs {skip + 1} measured steps or more, and this footprint has 2: mem_t"):
        _footprint(0, 1, 1).assert_no_growth(skip=skip)


def test_a_negative_skip_is_an_error() -> None:
    with pytest.raises(ValueError, match="skip >= 0, got -1"):
        _footprint(0, 1, 1).assert_no_growth(skip=-1)
