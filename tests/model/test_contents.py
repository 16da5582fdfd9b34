"""Strict contents: what is saved, and in which dtypes."""

from __future__ import annotations

import re

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec


def _saved(*rows: tuple[str, str, tuple[int, ...], str]) -> SavedTensors:
    made = (SavedTensor(fqn, op, shape, dtype, ByteSize(1024), "cpu", "net.py:7") for fqn, op, shape, dtype in rows)
    return SavedTensors(tuple(made))


MLP = _saved(
    ("Net.layers.0.mlp", "aten.addmm", (8, 64), "bfloat16"),
    ("Net.layers.0.mlp", "aten.gelu", (8, 64), "bfloat16"),
    ("Net.layers.1.mlp", "aten.addmm", (8, 64), "bfloat16"),
    ("Net.layers.1.mlp", "aten.gelu", (8, 64), "bfloat16"),
    ("Net.head", "aten._to_copy", (8, 256), "float32"),
)


@pytest.mark.parametrize(
    "tensors",
    [
        ("4 x bfloat16[8, 64]", "float32[8, 256]"),
        ("float32[8, 256]", "3 x bfloat16[8, 64]", "bfloat16[8, 64]"),
        ("2 x bfloat16[8, 64] from aten.gelu", "2 x bfloat16[*, 64]", "* x float32[...] from aten._to_copy"),
        ("* x *[...]",),
        ("* x bfloat16[8, 64]", "* x *[8, *]"),
        ("*[8, 256]", "4 x *[8, 64]"),
        ("2 x *[...] from aten.gelu", "3 x *[...]"),
        ("2 x *[8, *]", "float32[8, 256]", "2 x bfloat16[8, 64] from aten.gelu"),
    ],
)
def test_contents_that_are_as_they_should_be_pass(tensors: tuple[str, ...]) -> None:
    MLP.assert_only(*tensors)


def test_nothing_passes_where_nothing_is_saved() -> None:
    SavedTensors().assert_only()
    MLP.of("embedding").assert_only()


def test_what_should_not_be_saved_is_named_with_module_and_line() -> None:
    with pytest.raises(AssertionError) as caught:
        MLP.assert_only("4 x bfloat16[8, 64]")

    assert str(caught.value) == (
        "1 tensor is saved for backward that should not be (1 KiB)\n"
        "  1 KiB Net.head: float32[8, 256] from aten._to_copy, net.py:7\n"
        'saved in all: "4 x bfloat16[8, 64]", "float32[8, 256]"'
    )


def test_repeated_layers_are_one_line() -> None:
    with pytest.raises(AssertionError) as caught:
        MLP.of("layers").assert_only()

    assert str(caught.value) == (
        "4 tensors are saved for backward that should not be (4 KiB)\n"
        "  2 KiB Net.layers.{0..1}.mlp: 2 x bfloat16[8, 64] from aten.addmm, net.py:7\n"
        "  2 KiB Net.layers.{0..1}.mlp: 2 x bfloat16[8, 64] from aten.gelu, net.py:7"
    )


def test_what_should_be_saved_and_is_not_is_named_with_how_many_are_lacking() -> None:
    with pytest.raises(AssertionError) as caught:
        MLP.assert_only("6 x bfloat16[8, 64]", "* x *[8, 256]", "int64[8]", "* x bool[...]")

    assert str(caught.value) == (
        "not saved: 2 x bfloat16[8, 64], int64[8], * x bool[...]\n"
        'saved in all: "4 x bfloat16[8, 64]", "float32[8, 256]"'
    )


def test_one_tensor_less_or_more_of_several_fails() -> None:
    MLP.of("layers").assert_only("4 x bfloat16[8, 64]")
    for count in (3, 5):
        with pytest.raises(AssertionError):
            MLP.of("layers").assert_only(f"{count} x bfloat16[8, 64]")


@pytest.mark.parametrize("bad", ["float32", "float32[8", "2 float32[8]", "float32[8, ]", "float32[a]", "[8]", "", 3])
def test_what_is_no_tensor_is_an_error_that_shows_the_forms(bad: str) -> None:
    with pytest.raises(ValueError, match=rf'^{re.escape(repr(bad))} is no tensor; write "float32\[8, 256\]", "2 x flo'):
        MLP.assert_only(bad)


def test_a_scalar_has_an_empty_shape() -> None:
    _saved(("Net", "aten.sum", (), "float32")).assert_only("float32[]")


def test_dtypes_that_are_allowed_or_excepted_pass() -> None:
    MLP.assert_dtypes("bfloat16", "float32")
    MLP.assert_dtypes("*float*")
    MLP.assert_dtypes("torch.bfloat16", except_="head")
    MLP.of("layers").assert_dtypes("bfloat16")


def test_another_dtype_is_named_with_module_and_line() -> None:
    with pytest.raises(AssertionError) as caught:
        MLP.assert_dtypes("bfloat16", "int64", except_=["layers.0"])

    assert str(caught.value) == (
        "1 tensor is saved for backward as float32 (1 KiB), not as bfloat16 or int64\n"
        "  1 KiB Net.head: float32[8, 256] from aten._to_copy, net.py:7"
    )


def test_without_a_dtype_there_is_nothing_to_ask() -> None:
    with pytest.raises(ValueError, match=r"^assert_dtypes needs the dtypes that are allowed"):
        MLP.assert_dtypes()


GPT = Structure(
    (
        TensorSpec("wte.weight", (64, 8), "bfloat16"),
        TensorSpec("layers.0.norm.weight", (8,), "float32"),
        TensorSpec("layers.1.norm.weight", (8,), "float32"),
        TensorSpec("head.weight", (64, 8), "bfloat16"),
    ),
    (("wte.weight", "head.weight"),),
)


def test_a_state_dict_is_held_to_dtypes_too() -> None:
    GPT.assert_dtypes("bfloat16", except_="layers.*.norm")
    with pytest.raises(AssertionError) as caught:
        GPT.assert_dtypes("bfloat16", except_="layers.0.norm")

    assert str(caught.value) == (
        "1 tensor is in the state_dict as float32, not as bfloat16\n  layers.1.norm.weight: float32[8]"
    )


def test_tied_entries_pass_and_others_are_told_apart() -> None:
    GPT.assert_tied("head.weight", "wte.weight")
    with pytest.raises(AssertionError) as caught:
        GPT.assert_tied("wte.weight", "layers.0.norm.weight")

    assert str(caught.value) == (
        "wte.weight and layers.0.norm.weight are not tied: wte.weight bfloat16[64, 8],"
        " layers.0.norm.weight float32[8]; tied: wte.weight = head.weight"
    )


def test_an_entry_that_is_none_is_told() -> None:
    with pytest.raises(AssertionError) as caught:
        GPT.assert_tied("wte.weigth", "head.weight")

    assert str(caught.value) == (
        "wte.weigth: no such entry; there are wte.weight, layers.{0..1}.norm.weight, head.weight"
    )
