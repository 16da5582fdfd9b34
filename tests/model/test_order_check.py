"""Who runs before whom, and who runs again."""

from __future__ import annotations

import pytest

from pytest_footprint.model.hierarchy import Hierarchy

LAYERS = tuple(f"Net.layers.{layer}{part}" for layer in range(2) for part in ("", ".norm", ".mlp"))
NET = Hierarchy(
    forward=("Net", *LAYERS, "Net.head"),
    backward=("Net", "Net.head", "Net.layers.1", "Net.layers.0"),
    recomputed=LAYERS[3:],
)


def _said(first: str, second: str, hierarchy: Hierarchy = NET, order: str = "forward") -> str:
    with pytest.raises(AssertionError) as caught:
        hierarchy.assert_before(first, second, order=order)
    return str(caught.value)


def test_modules_in_order_pass_in_each_of_the_three_orders() -> None:
    NET.assert_before("layers.0", "layers.1")
    NET.assert_before("layers", "head")
    NET.assert_before("layers.1", "layers.0", order="backward")
    NET.assert_before("layers.1.norm", "layers.1.mlp", order="recomputed")


def test_stars_in_both_stand_for_the_same_names() -> None:
    NET.assert_before("layers.*.norm", "layers.*.mlp")
    NET.assert_before("*.*.norm", "*.*.mlp")
    assert _said("layers.*.mlp", "layers.*.norm") == (
        "Net.layers.0.mlp runs after Net.layers.0.norm in forward order: call 4 and call 3 of 8"
    )


def test_the_other_way_round_is_told_with_both_calls() -> None:
    assert _said("head", "layers.1") == "Net.head runs after Net.layers.1 in forward order: call 8 and call 5 of 8"


def test_a_call_that_comes_again_too_late_is_told() -> None:
    shared = Hierarchy(forward=("Net", "Net.a", "Net.b", "Net.a"))

    assert _said("a", "b", shared) == "Net.a runs again after Net.b in forward order: call 4 and call 3 of 4"


def test_a_module_that_does_not_run_is_told_with_those_that_do() -> None:
    assert _said("layers.7", "head", order="backward") == (
        "layers.7: no such module in backward order: Net, Net.head, Net.layers.{0..1}"
    )


def test_a_module_inside_the_other_is_no_order() -> None:
    assert _said("layers", "layers.0") == "layers and layers.0 both name Net.layers.0, which cannot run before itself"


def test_an_order_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'^order=\'fw\' must be "forward", "backward" or "recomputed"$'):
        NET.assert_before("layers.0", "layers.1", order="fw")


def test_just_what_is_recomputed_passes() -> None:
    NET.assert_recomputed("layers.1")
    NET.assert_recomputed("layers.1.norm", "layers.1")
    Hierarchy(forward=NET.forward).assert_recomputed()


def test_a_wrapper_counts_as_recomputed_when_what_it_wraps_is() -> None:
    wrapped = Hierarchy(("Net", "Net.0", "Net.0.inner"), (), ("Net.0.inner",))

    wrapped.assert_recomputed("0")


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (("layers.*",), "not recomputed: Net.layers.0"),
        ((), "recomputed and should not be: Net.layers.1"),
        (("layers.1.mlp",), "recomputed and should not be: Net.layers.1"),
        (("layers.1", "blocks.*"), "blocks.*: no such module in forward order: Net, Net.layers.{0..1}, "),
        (("head", "layers.1"), "not recomputed: Net.head"),
    ],
)
def test_what_is_recomputed_otherwise_is_named(patterns: tuple[str, ...], said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        NET.assert_recomputed(*patterns)

    assert str(caught.value).startswith(said)
