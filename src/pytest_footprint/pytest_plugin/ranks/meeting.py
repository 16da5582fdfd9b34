"""How the ranks of a run come to one verdict: nobody hangs, and nobody passes alone.

Every rank posts what it has to say about a check. The leader, which is the lowest rank that takes part, waits for all,
judges, and claims the place of the verdict; all others wait for that place to be claimed. Who gives up waiting claims
it too, with a failure. A place can be claimed once, so the first verdict is that of all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, sleep
from typing import Protocol

from pytest_footprint.model.rank_numbers import rank_numbers, ranks_said

_FIRST_NAP, _LONGEST_NAP = 0.001, 0.1
_GRACE = 0.5
"""Seconds for a rank that has let others wait before."""
OVER = "over"
"""Said by a rank whose run has ended."""


class Store(Protocol):
    """Texts under keys that all ranks see; each call ends in time, or raises."""

    def set(self, key: str, text: str) -> None:
        """Put ``text`` under ``key``."""

    def get(self, key: str) -> str | None:
        """The text under ``key``, if any."""

    def forget(self, key: str) -> None:
        """Drop what is under ``key``."""

    def claim(self, key: str, text: str) -> str:
        """Put ``text`` under ``key`` unless something is there; what is there now."""

    def claimed(self, key: str) -> str | None:
        """What was claimed under ``key``, if anything."""


class MeetingError(Exception):
    """The ranks did not come together; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that ranks decide together."""

    test: str
    """Node id, and which run of that test it is."""
    number: int
    """Counts those of a test that have the same members, from 1 on."""
    members: tuple[int, ...]
    """Ranks that take part, in ascending order."""
    name: str
    """What it is, in words: ``check 'order'``."""
    needs_all: bool = True
    """Whether members whose test ended before are a failure; else the rest decides."""

    @property
    def key(self) -> str:
        """The same on all ranks, and for nothing else."""
        return f"{self.test}/{rank_numbers(self.members)}/{'' if self.needs_all else self.name}{self.number}"

    @property
    def leader(self) -> int:
        """The rank that judges."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class _Absence:
    text: str
    fatal: bool = False
    """Whether the rank may hang, rather than have ended its test."""


_PRESENT = _Absence("")


@dataclass(slots=True)
class Meeting:
    """One rank's end of the talk."""

    store: Store
    rank: int
    world_size: int
    seconds: float
    """How long to wait for another rank."""
    _late: set[int] = field(default_factory=set)
    """Ranks that have let others wait for too long: they are not waited for again."""

    def begin(self, test: str) -> None:
        """Say that this rank is in ``test`` now: others tell it when they wait in vain."""
        self.store.set(f"at/{self.rank}", test)

    def end(self, test: str, said: str) -> None:
        """Say how ``test`` ended here: what was not posted by now never comes."""
        self.store.set(f"end/{test}/{self.rank}", said)

    def over(self, text: str) -> None:
        """Say that the run ended here, and what there is to tell of it."""
        self.store.set(f"{OVER}/{self.rank}", text)

    def decide(self, topic: Topic, text: str, judge: Callable[[Mapping[int, str]], str]) -> str:
        """The verdict of all members about ``topic``.

        Args:
            topic: what to decide.
            text: what this rank has to say.
            judge: called on the leader with what each member said; returns the verdict.

        Raises:
            MeetingError: there is none, for the same reason on every rank.
        """
        leads = self.rank == topic.leader
        self.store.set(f"said/{topic.key}/{self.rank}", json.dumps([topic.name, "" if leads else text]))
        place = f"verdict/{topic.key}"
        outcome = self._lead(topic, place, text, judge) if leads else self._follow(topic, place, text)
        failure, verdict = json.loads(outcome)
        if failure:
            raise MeetingError(failure)
        return str(verdict)

    def _lead(self, topic: Topic, place: str, text: str, judge: Callable[[Mapping[int, str]], str]) -> str:
        said, problems = {self.rank: text}, dict[int, str]()
        deadline = monotonic() + self.seconds
        for rank in topic.members[1:]:
            key = f"said/{topic.key}/{rank}"
            found, problem = self._await(rank, partial(self.store.get, key), topic, deadline)
            if found is None:
                if problem.fatal or topic.needs_all:
                    problems[rank] = problem.text
                continue
            self.store.forget(key)  # a run has many checks, and the store is in memory
            name, said[rank] = json.loads(found)
            if name != topic.name:
                problems[rank] = f"came to {name} instead"
        if given_up := self.store.claimed(place):
            return given_up
        if problems:
            return self.store.claim(place, json.dumps([self._told(topic, problems), ""]))
        try:
            verdict = judge(said)
        except BaseException as problem:
            failed = f"rank {self.rank} failed while it judged this check: {type(problem).__name__}: {problem}"
            self.store.claim(place, json.dumps([failed, ""]))
            raise
        return self.store.claim(place, json.dumps(["", verdict]))

    def _follow(self, topic: Topic, place: str, text: str) -> str:
        leader = topic.leader
        said = f"said/{topic.key}/{leader}"

        def arrived() -> str | None:
            return self.store.claimed(place) or self.store.get(said)

        found, problem = self._await(leader, arrived, topic, monotonic() + self.seconds)
        if found is not None:
            # Now the leader waits as long for the others; whoever hangs behind that is the leader itself.
            until = monotonic() + 2 * self.seconds + 1
            verdict, problem = self._await(leader, partial(self.store.claimed, place), topic, until)
            if verdict is not None:
                return verdict
        if topic.needs_all or problem.fatal:
            return self.store.claim(place, json.dumps([self._told(topic, {leader: problem.text}), ""]))
        return self.store.claim(place, json.dumps(["", text]))

    def _await(
        self, rank: int, look: Callable[[], str | None], topic: Topic, deadline: float
    ) -> tuple[str | None, _Absence]:
        """What ``look`` finds, or why it never will."""
        if rank in self._late:
            deadline = min(deadline, monotonic() + _GRACE)
        nap = _FIRST_NAP
        while True:
            found = look()
            if found is None and (ended := self._ended(rank, topic)):
                found = look()  # it may have come just before the end
                if found is None:
                    return None, _Absence(ended)
            if found is not None:
                self._late.discard(rank)
                return found, _PRESENT
            if monotonic() >= deadline:
                return None, _Absence(self._lateness(rank, topic), fatal=True)
            sleep(nap)
            nap = min(nap * 2, _LONGEST_NAP)

    def _ended(self, rank: int, topic: Topic) -> str:
        """Why nothing comes from ``rank`` any more; ``""`` while it may."""
        if (said := self.store.get(f"end/{topic.test}/{rank}")) is not None:
            return said
        return "ended its run without this test" if self.store.get(f"{OVER}/{rank}") is not None else ""

    def _lateness(self, rank: int, topic: Topic) -> str:
        known = rank in self._late
        self._late.add(rank)
        at = self.store.get(f"at/{rank}")
        where = "it has not begun any test that records" if at is None else f"the last that was heard: it began {at}"
        if at is not None and topic.test.startswith(f"{at} "):
            where = "it is in this test"
        waited = "as before" if known else f"within {self.seconds:g} s (--mem-rank-timeout)"
        return f"did not come {waited}; {where}"

    def _told(self, topic: Topic, problems: Mapping[int, str]) -> str:
        """What went wrong, ranks with the same problem together."""
        by_problem: dict[str, list[int]] = {}
        for rank, problem in problems.items():
            by_problem.setdefault(problem, []).append(rank)
        told = [f"{ranks_said(ranks)} of {self.world_size} {problem}" for problem, ranks in by_problem.items()]
        return f"{topic.name} was not made by all ranks: {'; '.join(told)}"

    def gather_over(self) -> tuple[dict[int, str], tuple[int, ...]]:
        """What each other rank told at the end of its run, and the ranks that have not ended in time."""
        return self._all(OVER)

    def gather_done(self) -> None:
        """Wait until all ranks have said `done`, but no longer than for a check."""
        self._all("done")

    def done(self) -> None:
        """Say that this process has nothing left to write."""
        self.store.set(f"done/{self.rank}", "")

    def _all(self, what: str) -> tuple[dict[int, str], tuple[int, ...]]:
        found: dict[int, str] = {}
        deadline = monotonic() + self.seconds
        others: Sequence[int] = [rank for rank in range(self.world_size) if rank != self.rank]
        for rank in others:
            until = min(deadline, monotonic() + _GRACE) if rank in self._late else deadline
            nap = _FIRST_NAP
            while (text := self.store.get(f"{what}/{rank}")) is None and monotonic() < until:
                sleep(nap)
                nap = min(nap * 2, _LONGEST_NAP)
            if text is None:
                self._late.add(rank)
            else:
                found[rank] = text
        return found, tuple(rank for rank in others if rank not in found)
