"""A module that came into a ``Sequential`` or left it is one change, and the others have only another number."""

from __future__ import annotations

import pytest

from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import ModulesShifted, OrderChange, Signal, TextChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.report import headline


def net(*children: int | None, root: str = "M") -> Footprint:
    """A ``Sequential``: linear layers of so many outputs, ``None`` for a module without parameters."""
    calls = [root, *(f"{root}.{at}" for at in range(len(children)))]
    specs = [TensorSpec(f"{root}.{at}.weight", (size, 8), "float32") for at, size in enumerate(children) if size]
    return Footprint(forward=tuple(calls), structure=Structure(tuple(specs)))


def test_one_that_came_is_new_and_those_behind_it_moved() -> None:
    comparison = compare(net(4, None, 5, None, 6), net(4, None, 7, 5, None, 6))

    shifted = [change for change in comparison.changes if isinstance(change, ModulesShifted)]
    assert shifted == [ModulesShifted("M.2", "", "M.{2..4}", "M.{3..5}", 3, 1)]
    [text] = [change for change in comparison.changes if isinstance(change, TextChange)]
    assert text == TextChange(Signal.STRUCTURE, "M.2.weight", "", "float32[7, 8]")
    [order] = [change for change in comparison.changes if isinstance(change, OrderChange)]
    assert [(edit.fqn, edit.before, edit.after) for edit in order.edits] == [("M.2", 0, 1)]
    assert "M.2 is new; 3 modules after it moved by 1: M.{2..4} -> M.{3..5}" in headline(comparison)


def test_which_of_those_that_look_the_same_left_is_not_guessed() -> None:
    comparison = compare(net(4, None, None, 5, 6), net(4, None, 5, 6))

    assert "one of M.{1..2} is gone; 2 modules after it moved by 1: M.{3..4} -> M.{2..3}" in headline(comparison)
    assert not [change for change in comparison.changes if isinstance(change, TextChange)]


def test_of_structures_alone_it_is_told_too() -> None:
    comparison = compare(net(4, 5).structure, net(4, 7, 5).structure)

    assert "M.1 is new; 1 module after it moved by 1: M.1 -> M.2" in headline(comparison)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(net(4, 5), net(4, 5, 6), id="at the end nothing moves"),
        pytest.param(net(4, 4, 4), net(4, 4, 4, 4), id="one more of repeated layers"),
        pytest.param(net(4, 5), net(4, 6), id="another one in its place"),
        pytest.param(net(4, 5, 6), net(7, 8, 6, 5), id="others altogether"),
    ],
)
def test_where_nothing_only_moved_nothing_is_told_of_it(before: Footprint, after: Footprint) -> None:
    changes = compare(before, after).changes

    assert changes
    assert not [change for change in changes if isinstance(change, ModulesShifted)]
