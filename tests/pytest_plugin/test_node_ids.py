from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_footprint.pytest_plugin import node_ids


def item(nodeid: str, *groups: pytest.Mark, loadgroup: bool) -> Any:
    """A test as xdist's workers have it; only before pytest 9.2 is the group part of the node id."""
    option = SimpleNamespace(loadgroup=loadgroup)
    return SimpleNamespace(nodeid=nodeid, config=SimpleNamespace(option=option), iter_markers=lambda _: iter(groups))


@pytest.mark.parametrize(
    ("nodeid", "groups", "loadgroup", "expected"),
    [
        ("test_a.py::T::test_b@gpu", [pytest.mark.xdist_group("gpu").mark], True, "T::test_b"),
        ("test_a.py::test_b[x]@a_b", [pytest.mark.xdist_group(name=name).mark for name in "ba"], True, "test_b[x]"),
        ("test_a.py::test_b@default", [pytest.mark.xdist_group().mark], True, "test_b"),
        ("test_a.py::test_b", [pytest.mark.xdist_group("gpu").mark], True, "test_b"),
        ("test_a.py::test_b[me@gpu]", [pytest.mark.xdist_group("gpu").mark], False, "test_b[me@gpu]"),
        ("test_a.py::test_b[me@gpu]", [], True, "test_b[me@gpu]"),
    ],
    ids=["group", "two groups", "no name", "newer pytest", "another way to distribute", "no group"],
)
def test_the_group_of_a_test_is_no_part_of_its_name(
    nodeid: str, groups: list[pytest.Mark], expected: str, *, loadgroup: bool
) -> None:
    test = item(nodeid, *groups, loadgroup=loadgroup)

    assert node_ids.test_id(test) == expected
    assert node_ids.node_id(test) == f"test_a.py::{expected}"
