"""One check of a baseline, made by several ranks: the leader compares and writes, and all have its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_footprint.baseline.kinds import KINDS, OneValue, Value, kind_of
from pytest_footprint.model.codec import dump, from_plain, load, to_plain
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.rank_footprints import RankFootprints, on_first_device
from pytest_footprint.model.rank_numbers import rank_numbers
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.run import CheckResult
from pytest_footprint.pytest_plugin.settings import RANKS

if TYPE_CHECKING:
    import pytest

    from pytest_footprint.pytest_plugin.baselines.check import BaselineCheck
    from pytest_footprint.pytest_plugin.ranks.meeting import Meeting
    from pytest_footprint.pytest_plugin.ranks.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Together:
    """A check that several ranks make."""

    item: pytest.Item
    value: OneValue
    """Of this rank."""
    ranks: Ranks
    meeting: Meeting
    members: tuple[int, ...]

    def check(
        self, name: str, compare: Callable[[Candidates], tuple[str, CheckResult]]
    ) -> tuple[str, CheckResult | None]:
        """Let all members come to one verdict.

        Args:
            name: of the check.
            compare: called on the leader; gives the text of the failure, and the result.

        Returns:
            the text of the failure, ``""`` when the check passes, and the result, ``None`` when nothing was compared.
        """
        from pytest_footprint.pytest_plugin.ranks.meeting import MeetingError  # noqa: PLC0415 - loads with several ranks
        from pytest_footprint.tracking.distributed.rank_store import RankStoreError  # noqa: PLC0415 - the same

        topic = self.ranks.topic(self.item, self.members, f"{name} of a {kind_of(self.value)}")

        def judge(said: Mapping[int, str]) -> str:
            failure, result = compare(self._put_together(said))
            return json.dumps([failure, to_plain(result)])

        try:
            failure, plain = json.loads(self.meeting.decide(topic, dump(self.value), judge))
        except (MeetingError, RankStoreError) as problem:
            return f"{problem}\n\n{_ADVICE}", None
        if failure and not self.leads:
            failure = f"{failure.partition(chr(10))[0]}\n\nrank {self.members[0]} shows all of it"
        return failure, from_plain(CheckResult, plain)

    @property
    def leads(self) -> bool:
        """Whether this rank compares and writes."""
        return self.meeting.rank == self.members[0]

    def _put_together(self, said: Mapping[int, str]) -> Candidates:
        """The values of all members, and this rank's own where it can stand for all."""
        kind: type[OneValue] = KINDS[kind_of(self.value)]
        read: dict[str, OneValue] = {}
        values: dict[int, Any] = {}
        for rank, text in sorted(said.items()):
            if text not in read:
                read[text] = _of_any_rank(load(kind, text))
            values[rank] = read[text]
        together: RankValues[Any] = RankFootprints(values) if kind is Footprint else RankValues(values)
        from pytest_footprint.tracking.distributed.rank_store import real_group  # noqa: PLC0415 - loads with several ranks

        count = self.meeting.world_size
        suffix = f"-{count}-ranks" if len(values) == count else f"-rank-{rank_numbers(values)}-of-{count}"
        return Candidates(
            together, suffix, _of_any_rank(self.value) if together.alike else None, grouped=real_group() is not None
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be compared: one value, that of several ranks, or either."""

    value: Value
    suffix: str = ""
    """What the key of the device ends in."""
    alone: OneValue | None = None
    """The value that all ranks have, if it is one: the baseline of a single process may hold for all of them."""
    grouped: bool = False
    """Whether there is a process group: without one the test knows of no ranks, so what all have is that of one."""

    def choose(self, check: Callable[[Value, str], BaselineCheck]) -> BaselineCheck:
        """The check to make: of the ranks where it is stored, of one process where that holds or no group is there."""
        ranks = check(self.value, self.suffix)
        if self.alone is None or ranks.stored is not None or ranks.problem:
            return ranks
        one = check(self.alone, "")
        return one if one.holds or not self.grouped else ranks


def _of_any_rank(value: OneValue) -> OneValue:
    return on_first_device(value) if isinstance(value, Footprint) else value


_ADVICE = (
    "nothing was compared or written: a check needs the value of every rank\n"
    "where only some ranks make it, name them: mem_baseline(ranks=[0, 1])"
)


def together(item: pytest.Item, value: Value, members: tuple[int, ...] | None) -> Together | None:
    """How to check ``value`` with the other ranks; ``None`` when this process is alone, or one of a fake world.

    Args:
        item: the test.
        value: what this rank has measured.
        members: ranks that make the check; all when ``None``.

    Raises:
        ValueError: this rank is none of ``members``, or one of them is no rank of the run.
    """
    if isinstance(value, RankValues) or (RANKS not in item.config.stash and "torch.distributed" not in sys.modules):
        return None
    from pytest_footprint.pytest_plugin.ranks.ranks import is_fake, ranks_of, told_plainly  # noqa: PLC0415 - loads with several ranks

    if is_fake(item) or (ranks := ranks_of(item)) is None:
        return None
    with told_plainly():
        meeting = ranks.meeting()
    if meeting is None:
        return None
    if members is None:
        return Together(item, value, ranks, meeting, tuple(range(meeting.world_size)))
    if strangers := [rank for rank in members if rank >= meeting.world_size]:
        msg = f"mem_baseline(ranks=...): there is no rank {strangers[0]} of {meeting.world_size}"
        raise ValueError(msg)
    if meeting.rank not in members:
        msg = f"mem_baseline(ranks=[{', '.join(map(str, members))}]) was compared on rank {meeting.rank}"
        raise ValueError(msg)
    return Together(item, value, ranks, meeting, members)


def checked_ranks(ranks: Iterable[int]) -> tuple[int, ...]:
    """In ascending order.

    Raises:
        ValueError: there is none, or one is not a number from 0 on.
    """
    found = list(ranks)
    if not found or any(not isinstance(rank, int) or isinstance(rank, bool) or rank < 0 for rank in found):
        msg = f"mem_baseline(ranks={found!r}) names no ranks; write numbers from 0 on: ranks=[0, 1]"
        raise ValueError(msg)
    return tuple(sorted(set(found)))
