from __future__ import annotations

from dataclasses import replace

from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import Signal, TextChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import Unshard


def _footprint(*unshards: tuple[str, int], order: str = "forward", most: int = 2) -> Footprint:
    return Footprint(unsharded=tuple(Unshard(fqn, order, ahead) for fqn, ahead in unshards), max_unsharded=most)


def test_alike_is_no_change() -> None:
    assert not compare(_footprint(("M", 0)), _footprint(("M", 0)))


def test_layers_with_one_fate_are_one_change() -> None:
    before = _footprint(*((f"M.layers.{at}", 0) for at in range(4)))
    after = _footprint(("M.layers.0", 0), *((f"M.layers.{at}", 1) for at in range(1, 4)), most=3)

    changes = compare(before, after).changes

    assert changes == (
        TextChange(Signal.ORDER, "unshard of M.layers.{1..3} in forward", "in its turn", "prefetched 1 module ahead"),
        TextChange(Signal.ORDER, "FSDP modules that are whole at once", "2", "3"),
    )


def test_a_module_that_is_gathered_twice_says_so() -> None:
    [change] = compare(_footprint(("M", 0)), _footprint(("M", 2), ("M", 0))).changes

    assert change == TextChange(
        Signal.ORDER, "unshard of M in forward", "in its turn", "prefetched 2 modules ahead, in its turn"
    )


def test_an_order_of_the_same_unshards_is_told_by_its_first_difference() -> None:
    before, after = (_footprint(*((fqn, 0) for fqn in fqns), order="backward") for fqns in ("abc", "acb"))

    [change] = compare(before, after).changes

    assert change == TextChange(Signal.ORDER, "unshard number 2 in backward", "b", "c")


def test_a_renamed_module_is_no_change_of_its_unshards() -> None:
    before = replace(_footprint(("M.old", 0), ("M.a, M.old", 0)), structure=_structure("M.old.w"))
    after = replace(_footprint(("M.new", 0), ("M.a, M.new", 0)), structure=_structure("M.new.w"))

    assert {change.signal for change in compare(before, after).changes} == {Signal.STRUCTURE}


def _structure(name: str) -> Structure:
    return Structure((TensorSpec(name, (2,), "float32"),))
