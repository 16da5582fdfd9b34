"""What was there before the measured step is told from what the step made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_footprint.baseline import decode, encode
from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import OlderMemory
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.report import failure_text

KIB = 1024


def _usage(kind: RefType, nbytes: int) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage.of({RefType.PARAMETER: 4 * KIB, kind: nbytes})})


def taken(start: int, end: int, *, kind: RefType = RefType.GRADIENT, op: str = "", steps: int = 1) -> Footprint:
    """With so much of one kind at the start and at the end, made by ``op``."""
    group = LiveGroup(kind, "M", op, (end // 4,), "float32", "cpu", 1, ByteSize(end))
    grown = DeviceUsage({"cpu": Usage.of({kind: end - start})})
    alive = (group,) if end else ()
    ends = _usage(kind, end)
    return Footprint(_usage(kind, start), ends, ends, grown, at_peak=alive, at_end=alive, steps=steps)


def stored(footprint: Footprint) -> Footprint:
    """As it comes from its baseline, which has no start."""
    read = decode(encode(footprint))
    assert isinstance(read, Footprint)
    assert not read.start
    return read


ALONE, AFTER_OTHERS = taken(0, KIB, op="aten.mm"), taken(KIB, KIB)


def test_what_an_earlier_test_left_is_told_with_the_way_out() -> None:
    comparison = compare(stored(ALONE), AFTER_OTHERS)

    assert comparison.older == (OlderMemory(RefType.GRADIENT, "cpu", ByteSize(0), ByteSize(KIB)),)
    first, *lines = failure_text(comparison, accept="ACCEPT").splitlines()
    assert first == (
        "memory differs from its baseline: cpu growth per step -1 KiB (-100 %):"
        " 1 KiB of gradients were there before this test began"
    )
    assert lines[1:4] == [
        "before the step there were 1 KiB of gradients on cpu, not 0 B: older than this test",
        "so this depends on what ran before (an earlier test, a session- or module-scoped fixture): build",
        "  the model in the test, or bring it to one state first, as with model.zero_grad()",
    ]


def test_a_baseline_that_was_taken_after_other_tests_is_told_too() -> None:
    comparison = compare(stored(AFTER_OTHERS), ALONE)

    assert comparison.older == (OlderMemory(RefType.GRADIENT, "cpu", ByteSize(KIB), ByteSize(0)),)
    first, *lines = failure_text(comparison, accept="ACCEPT").splitlines()
    assert first == (
        "memory differs from its baseline: cpu growth per step +1 KiB (new):"
        " the baseline was taken with 1 KiB of gradients that were there before the test began"
    )
    assert lines[1] == (
        "before the step there were 0 B of gradients on cpu, not 1 KiB: when the baseline was taken, older"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ALONE, taken(0, 2 * KIB, op="aten.mm"), id="the step makes more"),
        pytest.param(ALONE, taken(KIB, KIB, op="aten.mm"), id="the test made it before its step"),
        pytest.param(taken(0, 0), taken(KIB, KIB, kind=RefType.INPUT), id="inputs are passed"),
        pytest.param(replace(ALONE, steps=2), replace(AFTER_OTHERS, steps=2), id="several steps tell no start"),
    ],
)
def test_what_is_not_older_is_not_blamed_on_what_ran_before(before: Footprint, after: Footprint) -> None:
    comparison = compare(stored(before), after)

    assert comparison
    assert comparison.older == ()


def test_another_structure_explains_what_its_model_takes_from_the_start() -> None:
    wider = replace(AFTER_OTHERS, structure=Structure((TensorSpec("M.weight", (8, 8), "float32"),)))

    assert compare(stored(ALONE), wider).older == ()


def test_a_model_that_is_sharded_now_is_no_memory_that_others_left() -> None:
    def model(kind: RefType) -> Footprint:
        alive = DeviceUsage({"cpu": Usage.of({kind: KIB})})
        group = LiveGroup(kind, "M", "", (256,), "float32", "cpu", 1, ByteSize(KIB))
        return Footprint(alive, alive, alive, at_peak=(group,), at_end=(group,))

    whole, sharded = model(RefType.PARAMETER), model(RefType.SHARDED_PARAMETER)

    assert compare(stored(whole), sharded)
    assert compare(stored(whole), sharded).older == ()
    assert compare(stored(sharded), whole).older == ()


def test_what_a_baseline_sums_up_does_not_tell_whether_it_was_older() -> None:
    twice, once = (taken(size, size, kind=RefType.OPTIMIZER_STATE, op="aten.zeros_like") for size in (2 * KIB, KIB))

    assert compare(stored(twice), once)
    assert compare(stored(twice), once).older == ()
    assert compare(stored(once), twice).older == ()
