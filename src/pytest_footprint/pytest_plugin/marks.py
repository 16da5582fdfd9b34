"""The markers: their forms, and what is wrong with how a test uses one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, filterfalse
from typing import Any, TypeGuard

import pytest

from pytest_footprint.pytest_plugin.limit import FORM, MARKER, Limit

FAKE_WORLD, FAKE_TENSORS, VARY_RANK = "fake_world", "fake_tensors", "vary_rank"
FORMS = {
    MARKER: FORM,
    FAKE_WORLD: "@pytest.mark.fake_world(64, rank=0)",
    FAKE_TENSORS: "@pytest.mark.fake_tensors(allow_non_fake_inputs=False)",
    VARY_RANK: "@pytest.mark.vary_rank(0, 1, 63)",
}
"""The accepted form of each, as help and error messages show it."""
ABOUT = {
    MARKER: "fail the test when its peak is higher",
    FAKE_WORLD: "run the test as one rank of a world of that size, without the others",
    FAKE_TENSORS: "run the test, its function-scoped fixtures included, with tensors that have no data",
    VARY_RANK: "run the test as each of these ranks of its fake world, and compare their memory",
}


_ACCEPTED = "accepted: "


def is_marked(node: pytest.Item | None) -> bool:
    """Whether the node or one above it has one of our markers: asked of every test, so in as few steps as can be."""
    above: Any = node
    while above is not None:
        for mark in above.own_markers:
            if mark.name in FORMS:
                return True
        above = above.parent
    return False


class MarkError(ValueError):
    """A marker is written wrongly; the message shows what was found and what works."""

    def __init__(self, marker: str, problem: str) -> None:
        super().__init__(problem)
        self.marker = marker

    @property
    def text(self) -> str:
        """The problem, and how to write it."""
        return f"{self.marker}: {self}\n{_accepted(self.marker)}"


def problems_with_marks(nodes: Iterable[object]) -> str:
    """Text that names every test with a marker that is written wrongly, and how to write it; ``""`` when all is well.

    As these nodes will not be collected further then, the classes among them are looked into for more.
    """
    nodes = list(nodes)
    found = list(chain.from_iterable(_problems(node) for node in nodes if isinstance(node, pytest.Item)))
    if not found:
        return ""
    inside = (node.ihook.pytest_make_collect_report(collector=node) for node in nodes if _is_collector(node))
    lines = [line for report in inside if report.failed for line in str(report.longrepr).splitlines()]
    accepted = [*(_accepted(problem.marker) for _, problem in found), *filter(_says_what_is_accepted, lines)]
    told = [*_each_once(found), *filterfalse(_says_what_is_accepted, lines)]
    return "\n".join([*told, *dict.fromkeys(accepted)])


def _is_collector(node: object) -> TypeGuard[pytest.Collector]:
    return isinstance(node, pytest.Collector)


def _accepted(marker: str) -> str:
    return f"{_ACCEPTED}{FORMS[marker]}"


def _says_what_is_accepted(line: str) -> bool:
    return line.startswith(_ACCEPTED)


def _each_once(found: Iterable[tuple[str, MarkError]]) -> Iterator[str]:
    """One line for each problem of a test function, whatever its parameters are."""
    tests: dict[tuple[str, str], list[str]] = {}
    for test, problem in found:
        tests.setdefault((test.partition("[")[0], f"{problem.marker}: {problem}"), []).append(test)
    for (_, text), same in tests.items():
        others = f" (and {len(same) - 1} more of its parameters)" if len(same) > 1 else ""
        yield f"{same[0]}{others}: {text}"


def _problems(item: pytest.Item) -> Iterator[tuple[str, MarkError]]:
    if not is_marked(item):
        return
    for mark in item.iter_markers(MARKER):
        try:
            Limit.from_mark(mark)
        except ValueError as problem:
            yield item.nodeid, MarkError(MARKER, str(problem))
    if any(item.get_closest_marker(name) for name in (FAKE_WORLD, FAKE_TENSORS, VARY_RANK)):
        from pytest_footprint.pytest_plugin.fake_marks import tensors_of, world_of  # noqa: PLC0415 - loads when used

        for read in (world_of, tensors_of):
            try:
                read(item)
            except MarkError as problem:
                yield item.nodeid, problem
