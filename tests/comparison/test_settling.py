from __future__ import annotations

from dataclasses import replace

from pytest_footprint.comparison.settling import dtypes_paired, settled, shapes_paired
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


def test_another_shape_is_one_difference_with_the_bytes_that_it_makes() -> None:
    gone = replace(GONE, shape=(2,), nbytes=ByteSize(-8))

    assert shapes_paired([("M", gone), ("M", NEW)]) == [("M", replace(NEW, nbytes=ByteSize(8), was_shape=(2,)))]


def _two(shape: tuple[int, int]) -> Culprit:
    return replace(NEW, shape=shape, nbytes=ByteSize(4 * shape[0] * shape[1]))


def _two_gone(shape: tuple[int, int]) -> Culprit:
    return replace(_two(shape), count=-1, nbytes=ByteSize(-4 * shape[0] * shape[1]))


def test_of_several_shapes_those_with_most_sizes_in_common_are_the_same() -> None:
    rows = [("M", _two_gone((8, 64))), ("M", _two_gone((8, 256))), ("M", _two((16, 256))), ("M", _two((16, 64)))]

    found = shapes_paired(rows)

    assert [(one.shape, one.was_shape) for _, one in found] == [((16, 256), (8, 256)), ((16, 64), (8, 64))]


def test_of_several_shapes_with_little_in_common_none_is_taken_for_another() -> None:
    rows = [("M", _two_gone((8, 64))), ("M", _two((16, 256))), ("M", _two((32, 128)))]

    assert shapes_paired(rows) == rows


def test_other_modules_operators_dtypes_and_numbers_of_dimensions_are_other_tensors() -> None:
    for other in (replace(GONE, op="aten.add"), replace(GONE, dtype="int32"), replace(GONE, count=-2)):
        rows = [("M", replace(other, shape=(2,), nbytes=ByteSize(-8))), ("M", NEW)]
        assert shapes_paired(rows) == rows
    for fqn, shape in (("N", (2,)), ("M", (1, 2))):
        rows = [(fqn, replace(GONE, shape=shape, nbytes=ByteSize(-8))), ("M", NEW)]
        assert shapes_paired(rows) == rows


def test_as_many_bytes_in_another_shape_are_no_difference_of_bytes() -> None:
    rows = [("M", _two_gone((8, 64))), ("M", _two((64, 8)))]

    assert shapes_paired(rows) == rows
