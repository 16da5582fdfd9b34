"""A name that nothing has is an error that names those that are close, not an empty answer."""

from __future__ import annotations

import re

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec

ROW = SavedTensor("GPT.layers.0.attn", "aten.mm", (2,), "float32", ByteSize(8), "cpu")
FOOTPRINT = Footprint(
    saved=SavedTensors((ROW,)),
    forward=("GPT", *(f"GPT.layers.{at}{part}" for at in range(3) for part in ("", ".attn", ".mlp"))),
    structure=Structure((TensorSpec("GPT.head.weight", (2, 2), "float32"),)),
)
SAVED = FOOTPRINT.saved


@pytest.mark.parametrize("name", ["layers.*.mlp", "GPT.layers.2", "head", "*", "l*"])
def test_a_module_that_keeps_nothing_keeps_0_bytes(name: str) -> None:
    assert SAVED.bytes(name) in {0, 8}
    SAVED.assert_dtypes("float32", except_=name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("layer.0.attn", "did you mean 'layers.0.attn', 'layers.2.attn' or 'layers.1.attn'?"),
        ("layers.*.atn", "did you mean 'layers.*.attn', 'layers.*' or 'layers.*.mlp'?"),
        ("GPT.layers.1.atn", "did you mean 'GPT.layers.1.attn', 'GPT.layers.2.attn' or 'GPT.layers.0.attn'?"),
        ("haed", "did you mean 'head'?"),
        ("zzz", "there are GPT, GPT.layers.{0..2}, GPT.layers.{0..2}.attn, GPT.layers.{0..2}.mlp, GPT.head"),
    ],
)
def test_a_module_that_does_not_exist_is_an_error(name: str, says: str) -> None:
    text = f"^{re.escape(f'no module is named {name!r}: {says}')}$"
    with pytest.raises(ValueError, match=text):
        SAVED.bytes(name)
    with pytest.raises(ValueError, match=text):
        SAVED.of(name)
    with pytest.raises(ValueError, match=text):
        SAVED.of("layers").assert_dtypes("float32", except_=["head", name])


def test_a_footprint_of_no_module_says_so() -> None:
    with pytest.raises(ValueError, match=r"^no module is named 'head': there are none$"):
        Footprint().saved.bytes("head")


def test_an_entry_of_a_state_dict_that_does_not_exist_is_an_error() -> None:
    structure = Structure((TensorSpec("layers.0.norm.weight", (2,), "float32"),))

    with pytest.raises(ValueError, match=r"^no module or entry is named 'layers.0.nrom': did you mean 'layers.0.norm'"):
        structure.of("layers.0.nrom")
    with pytest.raises(ValueError, match=r"^no module is named 'layers.\*.nrom': did you mean 'layers.\*.norm'"):
        structure.assert_dtypes("float32", except_="layers.*.nrom")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bf16", "did you mean 'bfloat16'?"),
        ("FP16", "did you mean 'float16'?"),
        ("long", "did you mean 'int64'?"),
        ("flaot32", "did you mean 'float32'"),
        ("floot*", "did you mean"),
        ("zzzzz", 'write "bfloat16", "int*" or torch.bfloat16'),
    ],
)
def test_a_dtype_that_does_not_exist_is_an_error(name: str, says: str) -> None:
    text = re.escape(f"no dtype is named {name!r}: {says}")
    with pytest.raises(ValueError, match=text):
        SAVED.assert_dtypes("float32", name)
    with pytest.raises(ValueError, match=text):
        FOOTPRINT.structure.assert_dtypes(name)
    with pytest.raises(ValueError, match=text):
        SAVED.assert_only("float32[2]", f"{name}[2]")


def test_a_dtype_that_only_a_newer_torch_has_is_known_where_a_tensor_has_it() -> None:
    row = SavedTensor("M", "aten.mm", (2,), "float7_new", ByteSize(2), "cpu")

    SavedTensors((row,)).assert_dtypes("float7_new")


def test_an_operator_may_be_written_as_tables_print_it() -> None:
    SAVED.assert_only("float32[2] from mm")
    SAVED.assert_only("float32[2] from aten.m*")


@pytest.mark.parametrize("written", ["aten.mn", "mmm"])
def test_an_operator_that_made_nothing_is_told_with_those_that_are_close(written: str) -> None:
    with pytest.raises(AssertionError) as caught:
        SAVED.assert_only(f"float32[2] from {written}")

    assert f"nothing saved is made by {written}: did you mean " in str(caught.value)


def test_what_patterns_can_name_is_neither_stored_nor_compared() -> None:
    assert Footprint.from_json(FOOTPRINT.to_json()) == FOOTPRINT
    assert "modules" not in FOOTPRINT.to_json()
    assert SavedTensors((ROW,)) == SAVED
    assert repr(SavedTensors((ROW,))) == repr(SAVED)
