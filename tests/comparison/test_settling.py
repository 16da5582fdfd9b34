from __future__ import annotations

from dataclasses import replace

from pytest_footprint.comparison.settling import dtypes_paired, settled
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.ref_type import RefType

NEW = Culprit(Signal.PEAK, RefType.ACTIVATION, "", "aten.mm", (4,), "float32", "cpu", 1, ByteSize(16))
GONE = replace(NEW, count=-1, nbytes=ByteSize(-16))


def test_what_moved_to_another_layer_is_no_difference() -> None:
    assert settled([("M.0.attn", GONE), ("M.3.attn", NEW)], set()) == []


def test_what_another_operator_of_the_same_module_makes_is_no_difference() -> None:
    assert settled([("M.head", replace(GONE, op="aten._to_copy")), ("M.head", NEW)], set()) == []


def test_what_another_module_makes_is_a_difference() -> None:
    rows = [("M.a", GONE), ("M.b", NEW)]

    assert settled(rows, set()) == rows


def test_modules_that_keep_more_are_the_last_to_be_taken_for_moved() -> None:
    rows = [("M.0", NEW), ("M.1", NEW), ("M.2", GONE)]

    assert settled(rows, {"M.0"}) == [("M.0", NEW)]


def test_another_dtype_is_one_difference_with_the_bytes_that_it_makes() -> None:
    gone = replace(GONE, dtype="bfloat16", nbytes=ByteSize(-8))

    assert dtypes_paired([("M", gone), ("M", NEW)]) == [("M", replace(NEW, nbytes=ByteSize(8), was="bfloat16"))]


def test_another_dtype_of_another_shape_is_two_differences() -> None:
    rows = [("M", replace(GONE, dtype="bfloat16", shape=(8,))), ("M", NEW)]

    assert dtypes_paired(rows) == rows
