from __future__ import annotations

from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import Signal, TextChange
from pytest_footprint.model.structure import Structure, TensorSpec


def structure(*tied: tuple[str, ...], **shapes: tuple[int, ...]) -> Structure:
    return Structure(tuple(spec(name.replace("__", "."), shape) for name, shape in shapes.items()), tied)


def spec(name: str, shape: tuple[int, ...], dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


def told(before: Structure, after: Structure) -> list[tuple[str, str, str]]:
    changes = compare(before, after).changes
    assert {change.signal for change in changes} <= {Signal.STRUCTURE}
    return [(c.subject, c.before, c.after) for c in changes if isinstance(c, TextChange)]


def test_another_shape_and_another_dtype_are_told() -> None:
    before = Structure((spec("M.a", (2,)), spec("M.b", (2,))))
    after = Structure((spec("M.a", (3, 2)), spec("M.b", (2,), "bfloat16")))

    assert told(before, after) == [
        ("M.a", "float32[2]", "float32[3, 2]"),
        ("M.b", "float32[2]", "bfloat16[2]"),
    ]


def test_keys_that_come_and_go_are_told_folded_over_layers() -> None:
    before = Structure(tuple(spec(f"M.{layer}.bias", (2,)) for layer in range(4)))
    after = Structure((spec("M.scale", (1,)),))

    assert told(before, after) == [("M.{0..3}.bias", "float32[2]", ""), ("M.scale", "", "float32[1]")]


def test_a_renamed_module_is_one_line_however_many_layers_it_is_in() -> None:
    before = Structure(tuple(spec(f"M.{layer}.attn.{part}", (2,)) for layer in range(4) for part in ("w", "b")))
    after = Structure(tuple(spec(f"M.{layer}.attention.{part}", (2,)) for layer in range(4) for part in ("w", "b")))

    assert told(before, after) == [
        ("key renamed", "M.{0..3}.attn.w", "M.{0..3}.attention.w"),
        ("key renamed", "M.{0..3}.attn.b", "M.{0..3}.attention.b"),
    ]


def test_a_key_of_another_shape_is_no_renamed_one() -> None:
    assert told(structure(M__a=(2,)), structure(M__b=(3,))) == [("M.a", "float32[2]", ""), ("M.b", "", "float32[3]")]


def test_ties_that_are_made_or_cut_are_told() -> None:
    untied, tied = structure(M__a=(2,), M__b=(2,)), structure(("M.a", "M.b"), M__a=(2,), M__b=(2,))

    assert told(untied, tied) == [("tied", "", "M.a = M.b")]
    assert told(tied, untied) == [("tied", "M.a = M.b", "")]


def test_a_tie_that_lost_one_of_its_names_is_one_change() -> None:
    shapes = {"a": (2,), "b": (2,), "c": (2,)}

    changes = told(structure(("a", "b", "c"), **shapes), structure(("a", "b"), **shapes))

    assert changes == [("tied", "a = b = c", "a = b")]


def test_a_tie_survives_the_renaming_of_a_key() -> None:
    before, after = structure(("M.a", "M.b"), M__a=(2,), M__b=(2,)), structure(("M.a", "M.c"), M__a=(2,), M__c=(2,))

    assert told(before, after) == [("key renamed", "M.b", "M.c")]


def test_the_order_of_keys_and_ties_does_not_matter() -> None:
    before = structure(("M.a", "M.b"), M__a=(2,), M__b=(2,))
    after = structure(("M.b", "M.a"), M__b=(2,), M__a=(2,))

    assert not compare(before, after)
