from __future__ import annotations

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors


def row(fqn: str, nbytes: int, dtype: str = "float32") -> SavedTensor:
    return SavedTensor(fqn, "aten.mm", (2,), dtype, ByteSize(nbytes), "cpu")


SAVED = SavedTensors((row("M.layers.0.attn", 1), row("M.layers.1.attn.qkv", 2), row("M.head", 4, "bfloat16")))


def test_bytes_are_counted_for_all_modules_or_for_those_under_a_pattern() -> None:
    assert SAVED.bytes() == 7
    assert SAVED.bytes("layers.*.attn") == 3
    assert SAVED.bytes("nothing") == 0
    assert str(SAVED.bytes()) == "7 B"


def test_the_rows_are_a_sequence() -> None:
    assert len(SAVED) == 3
    assert SAVED[-1].fqn == "M.head"
    assert [each.nbytes for each in SAVED.of("layers")] == [1, 2]
    assert SAVED[1:] == SAVED.rows[1:]


def test_dtypes_devices_and_modules_are_told() -> None:
    assert SAVED.dtypes() == {"float32", "bfloat16"}
    assert SAVED.devices() == {"cpu"}
    assert SAVED.fqns() == {"M.layers.0.attn", "M.layers.1.attn.qkv", "M.head"}


def test_rows_that_look_alike_are_one_group() -> None:
    groups = SavedTensors((row("M", 1), row("N", 5), row("M", 2))).groups()

    assert [(group.fqn, group.count, group.nbytes) for group in groups] == [("M", 2, 3), ("N", 1, 5)]
    assert {group.ref_type for group in groups} == {RefType.ACTIVATION}
