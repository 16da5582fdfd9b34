"""The markers: their forms, and what is wrong with how a test uses one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


class MarkError(ValueError):
    """A marker is written wrongly; the message shows what was found and what works."""

    def __init__(self, marker: str, problem: str) -> None:
        super().__init__(problem)
        self.marker = marker

    @property
    def text(self) -> str:
        """The problem, and how to write it."""
        return f"{self.marker}: {self}\naccepted: {FORMS[self.marker]}"


def problems_with_marks(nodes: Iterable[object]) -> str:
    """Text that names the first test with a marker that is written wrongly, and how to write it; ``""`` if none is."""
    found = [problem for node in nodes if isinstance(node, pytest.Item) for problem in _problems(node)]
    if not found:
        return ""
    others = f"\n... and {len(found) - 1} more like it" if len(found) > 1 else ""
    return f"{found[0]}{others}"


def _problems(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers(MARKER):
        try:
            Limit.from_mark(mark)
        except ValueError as problem:
            yield f"{item.nodeid}: {MARKER}: {problem}\naccepted: {FORM}"
    if any(item.get_closest_marker(name) for name in (FAKE_WORLD, FAKE_TENSORS, VARY_RANK)):
        from pytest_footprint.pytest_plugin.fake_marks import tensors_of, world_of  # noqa: PLC0415 - loads when used

        for read in (world_of, tensors_of):
            try:
                read(item)
            except MarkError as problem:
                yield f"{item.nodeid}: {problem.text}"
