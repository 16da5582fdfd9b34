from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import Order, OrderChange, OrderEdit
from pytest_footprint.model.hierarchy import Hierarchy

LAYERS = [[f"M.layers.{layer}{part}" for part in ("", ".attn", ".mlp")] for layer in range(6)]


def changed(before: list[str], after: list[str]) -> OrderChange:
    [change] = compare(Hierarchy(forward=tuple(before)), Hierarchy(forward=tuple(after))).changes
    assert isinstance(change, OrderChange)
    return change


def test_a_layer_that_is_no_longer_recomputed_is_named_with_its_place() -> None:
    before = Hierarchy(recomputed=tuple(name for layer in LAYERS for name in layer))
    after = Hierarchy(recomputed=tuple(name for layer in LAYERS if layer is not LAYERS[3] for name in layer))

    assert compare(before, after).changes == (
        OrderChange(Order.RECOMPUTED, 10, "M.layers.3", "M.layers.4", (OrderEdit("M.layers.3", 3, 1, 0),)),
    )


def test_layers_with_the_same_fate_are_one_edit() -> None:
    change = changed(["M"], ["M", *(name for layer in LAYERS for name in layer)])

    assert (change.position, change.before, change.after) == (2, "", "M.layers.0")
    assert change.edits == (OrderEdit("M.layers.{0..5}", 18, 0, 1),)


def test_a_part_of_a_module_is_named_when_the_rest_still_runs() -> None:
    assert changed(["M", "M.a", "M.a.b"], ["M", "M.a"]).edits == (OrderEdit("M.a.b", 1, 1, 0),)


def test_a_module_that_runs_more_often_is_told_after_those_that_are_gone() -> None:
    change = changed(["M.b", "M.a"], ["M.b", "M.b", "M.b"])

    assert change.edits[:2] == (OrderEdit("M.a", 1, 1, 0), OrderEdit("M.b", 1, 1, 3))


def test_a_module_that_moved_is_told_with_its_places() -> None:
    change = changed(["M", "M.a", "M.b", "M.c"], ["M", "M.b", "M.c", "M.a"])

    assert (change.position, change.before, change.after) == (2, "M.a", "M.b")
    assert change.edits == (OrderEdit("M.a", 1, 1, 1, "M", "M.c"),)


def test_a_layer_moves_with_what_is_inside_it() -> None:
    before = [name for layer in LAYERS for name in layer]

    change = changed(before, [*before[3:], *before[:3]])

    assert change.edits == (OrderEdit("M.layers.0", 3, 1, 1, "", "M.layers.5.mlp"),)


@given(st.lists(st.sampled_from("abcd"), max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
def test_orders_that_differ_always_have_a_place_and_an_edit(before: list[str], after: list[str]) -> None:
    comparison = compare(Hierarchy(backward=tuple(before)), Hierarchy(backward=tuple(after)))

    assert bool(comparison) == (before != after)
    for change in comparison.changes:
        assert isinstance(change, OrderChange)
        at = change.position - 1
        assert before[:at] == after[:at]
        assert before[at : at + 1] == [change.before] * bool(change.before)
        assert after[at : at + 1] == [change.after] * bool(change.after)
        assert change.before != change.after
        assert change.edits
