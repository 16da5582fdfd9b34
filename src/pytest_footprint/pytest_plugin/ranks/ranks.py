"""The ranks of this run: whether there are several, and what each of them does when."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_footprint.pytest_plugin.limit import MARKER
from pytest_footprint.pytest_plugin.node_ids import node_id
from pytest_footprint.pytest_plugin.ranks.meeting import Meeting, Topic
from pytest_footprint.pytest_plugin.settings import CHECKS, RANKS, SETTINGS

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.ranks.launch import Launch
    from pytest_footprint.pytest_plugin.recording import Recording
    from pytest_footprint.pytest_plugin.results import Results

_FAKE = "fake_world"
_UNSET = (
    "RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set, so this is one of several ranks; unset them where it is not"
)
_PASSED = "ended this test without it"
_SKIPPED = "skipped this test"


class Ranks:
    """What a process knows of the other ranks of the run.

    Args:
        launch: what a launcher told; ``None`` without one.
        seconds: how long to wait for another rank.
        everywhere: whether every test has a limit, so that every test ends together.
    """

    def __init__(self, launch: Launch | None, seconds: float, *, everywhere: bool) -> None:
        self.launch = launch
        self._seconds = seconds
        self._everywhere = everywhere
        self._meeting: Meeting | None = None
        self._runs: Counter[str] = Counter()
        self._topics: Counter[tuple[str, tuple[int, ...], str]] = Counter()
        self._phase = "setup"
        self.asked_elsewhere: set[str] = set()
        """Baselines that other ranks asked for; known to rank 0 when the run ends."""
        self._problem = ""
        """Why the others cannot be reached; nobody waits for that twice."""
        self.apart = ""
        """Why the ranks cannot meet; ``""`` when they can."""
        self.silent: tuple[int, ...] = ()
        """Ranks that did not come to the end of the run."""

    @property
    def opened(self) -> Meeting | None:
        """The meeting, where anything has been told in it."""
        return self._meeting

    def meeting(self) -> Meeting | None:
        """The talk of all ranks; ``None`` when this process is alone.

        Raises:
            RankStoreError: the ranks cannot reach each other.
        """
        if self.apart:
            pytest.fail(self.apart, pytrace=False)
        if self._meeting is None:
            self._meeting = self._from_launcher(self.launch) if self.launch else self._from_group()
        return self._meeting

    def _from_launcher(self, launch: Launch) -> Meeting:
        from pytest_footprint.tracking.distributed.rank_store import RankStore, RankStoreError  # noqa: PLC0415 - loads torch

        if self._problem:
            raise RankStoreError(self._problem)
        serve = launch.rank == 0 and not launch.agent
        try:
            store = RankStore.of_launcher(
                launch.host, launch.port, serve=serve, attempt=launch.attempt, seconds=self._seconds
            )
        except RankStoreError as problem:
            self._problem = f"rank {launch.rank} of {launch.world_size} cannot reach the others: {problem}\n{_UNSET}"
            raise RankStoreError(self._problem) from None
        return Meeting(store, launch.rank, launch.world_size, self._seconds)

    def _from_group(self) -> Meeting | None:
        if "torch" not in sys.modules:
            return None
        from pytest_footprint.tracking.distributed.rank_store import RankStore, real_group  # noqa: PLC0415 - torch is there

        if (group := real_group()) is None:
            return None
        return Meeting(RankStore.of_group(self._seconds), *group, self._seconds)

    def topic(self, item: pytest.Item, members: tuple[int, ...], name: str, *, needs_all: bool = True) -> Topic:
        """The next thing that ``members`` decide in this test."""
        test = self._test(item, self._phase)
        kind = (test, members, "" if needs_all else name)
        self._topics[kind] += 1
        return Topic(test, self._topics[kind], members, name, needs_all)

    def _test(self, item: pytest.Item, phase: str) -> str:
        test = node_id(item)
        return f"{test} {phase} {self._runs[test]}"

    def begin(self, item: pytest.Item) -> None:
        """Tell the others that this rank is in ``item`` now, if it may wait for them there."""
        self._phase = "setup"
        if self._takes_part(item):
            self._runs[node_id(item)] += 1
            with told_plainly():
                if meeting := self.meeting():
                    meeting.begin(node_id(item))

    def note(self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[Any]) -> None:
        """Tell the others how a phase of ``item`` ended."""
        ended = self._phase
        self._phase = "call" if report.when == "setup" and report.passed else "teardown"
        if not self._takes_part(item):
            return
        from pytest_footprint.tracking.distributed.rank_store import RankStoreError  # noqa: PLC0415 - it is there

        said = _SKIPPED if report.skipped else _failed(call) if report.failed else _PASSED
        with suppress(RankStoreError):  # whoever waits for what is said here has the same error
            if (meeting := self.meeting()) is None:
                return
            meeting.end(self._test(item, ended), said)
            if ended == "setup" and self._phase == "teardown":
                meeting.end(self._test(item, "call"), said)

    def shares_limit(self, item: pytest.Item, recording: Recording) -> bool:
        """Whether all ranks hold this test to its limit together."""
        return self.launch is not None and recording.limit is not None and not (self.apart or is_fake(item))

    def _takes_part(self, item: pytest.Item) -> bool:
        if self.apart or _fake_world(item):
            return False
        limits = self.launch is not None and (self._everywhere or item.get_closest_marker(MARKER) is not None)
        return limits or CHECKS in getattr(item, "fixturenames", ())


def _fake_world(item: pytest.Item) -> bool:
    return _FAKE in getattr(item, "fixturenames", ()) or item.get_closest_marker(_FAKE) is not None


def is_fake(item: pytest.Item) -> bool:
    """Whether the ranks of this test are no processes of their own."""
    if _fake_world(item):
        return True
    if "torch.distributed" not in sys.modules:
        return False
    from pytest_footprint.tracking.distributed.rank_store import has_fake_group  # noqa: PLC0415 - torch.distributed is there

    return has_fake_group()


@contextmanager
def told_plainly() -> Iterator[None]:
    """Where the ranks cannot reach each other, show what is said of that and no frames."""
    from pytest_footprint.tracking.distributed.rank_store import RankStoreError  # noqa: PLC0415 - loads torch

    try:
        yield
    except RankStoreError as problem:
        raise pytest.fail.Exception(str(problem), pytrace=False) from None


def _failed(call: pytest.CallInfo[Any]) -> str:
    error = call.excinfo.value if call.excinfo else None
    said = f"{type(error).__name__}: {error}".partition("\n")[0] if error else "no reason is known"
    return f"failed before it: {said}"


def ranks_of(item: pytest.Item) -> Ranks | None:
    """The ranks of this run; without a launcher those of a process group that is there now."""
    if (known := item.config.stash.get(RANKS, None)) is not None:
        return known
    from pytest_footprint.tracking.distributed.rank_store import real_group  # noqa: PLC0415 - torch.distributed is there

    if real_group() is None:
        return None
    settings = item.config.stash[SETTINGS]
    ranks = item.config.stash[RANKS] = Ranks(None, settings.rank_timeout, everywhere=False)
    item.config.pluginmanager.register(RankEnd(ranks), "footprint-ranks")
    return ranks


class RankEnd:
    """Ends the run of one rank together with the others."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._session: pytest.Session | None = None
        self._asked: set[str] = set()

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Note the baselines that this rank asked for: rank 0 judges which nobody asks for."""
        self._asked.update(results.asked)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what rank 0 needs to judge, or take it."""
        self._session = session
        if (meeting := self._ranks.opened) is None:
            return
        from pytest_footprint.tracking.distributed.rank_store import RankStoreError  # noqa: PLC0415 - it is there

        try:
            meeting.over(json.dumps(sorted(self._asked)))
            if meeting.rank == 0:
                said, self._ranks.silent = meeting.gather_over()
                self._ranks.asked_elsewhere = {path for text in said.values() for path in json.loads(text)}
        except RankStoreError:
            self._ranks.silent = tuple(rank for rank in range(meeting.world_size) if rank != meeting.rank)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Let a launcher see a failed rank only when all have written what they have to say: it ends the others."""
        if (meeting := self._ranks.opened) is None or self._session is None:
            return
        from pytest_footprint.tracking.distributed.rank_store import RankStoreError  # noqa: PLC0415 - it is there

        with suppress(RankStoreError):
            meeting.done()
            if self._session.exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.INTERRUPTED}:
                meeting.gather_done()
