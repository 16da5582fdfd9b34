"""The hooks around each test that has anything to do with this plugin."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.baselines.explained import show_in_full
from pytest_footprint.pytest_plugin.failures import clear_failures, remember_failure
from pytest_footprint.pytest_plugin.phase import results_of
from pytest_footprint.pytest_plugin.recording import RECORDING, Recording, forget
from pytest_footprint.pytest_plugin.settings import CHECKS, RANKS
from pytest_footprint.pytest_plugin.surroundings import SURROUNDINGS, Surroundings

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.ranks.ranks import Ranks


def prepare(item: pytest.Item) -> None:
    """Get ready to fake what is around ``item`` and to record it."""
    item.stash[SURROUNDINGS] = Surroundings.of(item)
    item.stash[RECORDING] = Recording.of(item)


def begin(item: pytest.Item) -> None:
    """Begin with that, unless it has begun or nobody asks."""
    item.stash[SURROUNDINGS].begin_if_wanted()
    item.stash[RECORDING].start_if_wanted()


class PerTest:
    """Measures tests and lets their reports carry what was found; `Lookout` sees to it that they are prepared."""

    def __init__(self) -> None:
        self.joined: pytest.Item | None = None
        """The test in whose midst these hooks came to be called: nobody else forgets what is kept of it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Keep nothing of a test that is over."""
        if self.joined is not None:
            _leave(self.joined)
            self.joined = None
        try:
            return (yield)
        finally:
            _leave(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, request: pytest.FixtureRequest) -> Generator[None, object, object]:
        """Begin before the first fixture of the test: only function-scoped ones have the test as their node."""
        __tracebackhide__ = True
        if RECORDING in request.node.stash:
            begin(request.node)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Read what was recorded, and hold it against the limit."""
        __tracebackhide__ = True
        recording = item.stash[RECORDING]
        try:
            yield
        finally:
            recording.read()
        if (ranks := item.config.stash.get(RANKS, None)) is not None and ranks.shares_limit(item, recording):
            from pytest_footprint.pytest_plugin.ranks.joint_limit import check_limit_together  # noqa: PLC0415 - with ranks

            check_limit_together(item, recording, ranks)
        else:
            recording.check_limit()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Let the tensors of a failed test die before its fixtures end."""
        __tracebackhide__ = True
        clear_failures(item)
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the report carry what we have to tell."""
        said = show_in_full(item, call)
        report = yield
        remember_failure(item, call)
        results_of(item, report, said).attach_to(report)
        if (ranks := _ranks(item)) is not None:
            ranks.note(item, report, call)
        return report


def _leave(item: pytest.Item) -> None:
    clear_failures(item)
    forget(item)


def _ranks(item: pytest.Item) -> Ranks | None:
    """The ranks of this run, which without a launcher are known by their process group."""
    if RANKS in item.config.stash or "torch.distributed" not in sys.modules:
        return item.config.stash.get(RANKS, None)
    if CHECKS not in getattr(item, "fixturenames", ()):
        return None
    from pytest_footprint.pytest_plugin.ranks.ranks import ranks_of  # noqa: PLC0415 - loads with several ranks

    return ranks_of(item)
