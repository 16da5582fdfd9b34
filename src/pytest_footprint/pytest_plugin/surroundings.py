"""What is faked around one test, and when it begins and ends."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.marks import FAKE_TENSORS, FAKE_WORLD, VARY_RANK, MarkError

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.fake_marks import FakeTensorsMark, World
    from pytest_footprint.tracking.distributed.fake_world import FakeWorld


class Surroundings:
    """The fake world of a test and its FakeTensorMode, from its first function-scoped fixture to after its last one.

    They begin before its tracker, so a process group is there when a fixture of the test builds a model, and end after
    it. Fixtures of a wider scope are set up before: what a session builds once is real.
    """

    def __init__(self, item: pytest.Item) -> None:
        self.world: FakeWorld | None = None
        """The world that is open, if any."""
        self.asks: World | None = None
        """What the markers ask for."""
        self._tensors: FakeTensorsMark | None = None
        self._item = item
        self._begun = False
        if any(item.get_closest_marker(name) for name in (FAKE_WORLD, FAKE_TENSORS, VARY_RANK)):
            from pytest_footprint.pytest_plugin.fake_marks import tensors_of, world_of  # noqa: PLC0415 - when used

            self.asks, self._tensors = world_of(item), tensors_of(item)

    @classmethod
    def of(cls, item: pytest.Item) -> Surroundings:
        """Prepare those of ``item``; a marker that was added after collection and is wrong fails its set-up."""
        try:
            return cls(item)
        except MarkError as problem:
            pytest.fail(problem.text, pytrace=False)

    def begin_if_wanted(self) -> None:
        """Begin, unless they have begun or nobody asks."""
        __tracebackhide__ = True
        if self._begun:
            return
        self._begun = True
        if self.asks is None and self._tensors is None:
            return
        with ExitStack() as undo:
            if self.asks is not None:
                self.world = undo.enter_context(_world(self.asks))
            if self._tensors is not None:
                from pytest_footprint.tracking.fake_tensors import FakeTensors  # noqa: PLC0415 - loads torch

                undo.enter_context(FakeTensors(allow_non_fake_inputs=self._tensors.allow_non_fake_inputs))
            # Registered before the finalizers of the tracker and of the test's own fixtures, so it runs after them.
            self._item.addfinalizer(undo.pop_all().close)


def _world(asks: World) -> FakeWorld:
    from pytest_footprint.tracking.distributed.fake_world import FakeWorld, ProcessGroupExistsError  # noqa: PLC0415 - loads torch

    world = FakeWorld(asks.size, asks.rank)
    try:
        world.check()
    except ProcessGroupExistsError as problem:
        pytest.fail(str(problem), pytrace=False)
    return world


SURROUNDINGS = pytest.StashKey[Surroundings]()
