"""Ranks as threads: the talk alone, without torch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from pytest_footprint.pytest_plugin.ranks.meeting import Meeting, MeetingError, Topic


class Texts:
    """A store within one process."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._lock = Lock()

    def set(self, key: str, text: str) -> None:
        self._texts[key] = text

    def get(self, key: str) -> str | None:
        return self._texts.get(key)

    def forget(self, key: str) -> None:
        del self._texts[key]

    def claim(self, key: str, text: str) -> str:
        with self._lock:
            return self._texts.setdefault(key, text)

    def claimed(self, key: str) -> str | None:
        return self._texts.get(key)

    def keys(self) -> list[str]:
        return sorted(self._texts)


TOPIC = Topic("t.py::test call 1", 1, (0, 1, 2), "check")


def _join(said: Mapping[int, str]) -> str:
    return ", ".join(f"{rank}: {text}" for rank, text in sorted(said.items()))


def decide(store: Texts, rank: int, seconds: float = 5.0, topic: Topic = TOPIC, **late: float) -> str:
    """The verdict, or the text of the failure."""
    time.sleep(late.get("late", 0.0))
    try:
        return Meeting(store, rank, 3, seconds).decide(topic, f"I am {rank}", _join)
    except MeetingError as problem:
        return f"failed: {problem}"


def together(*ranks: Callable[[], str]) -> list[str]:
    with ThreadPoolExecutor(len(ranks)) as threads:
        return [each.result() for each in [threads.submit(rank) for rank in ranks]]


def test_all_have_the_verdict_of_the_leader_who_heard_all() -> None:
    store = Texts()

    verdicts = together(*(lambda rank=rank: decide(store, rank) for rank in range(3)))

    assert verdicts == ["0: I am 0, 1: I am 1, 2: I am 2"] * 3
    # What others said is forgotten: a run has many checks.
    assert store.keys() == [f"said/{TOPIC.key}/0", f"verdict/{TOPIC.key}"]


@pytest.mark.parametrize("late", range(3))
def test_a_rank_that_is_too_late_gets_the_failure_that_the_others_agreed_on(late: int) -> None:
    store = Texts()

    verdicts = together(*(lambda rank=rank: decide(store, rank, 0.1, late=(rank == late) * 0.8) for rank in range(3)))

    [verdict] = set(verdicts)
    assert verdict == (
        f"failed: check was not made by all ranks: rank {late} of 3 did not come within 0.1 s (--mem-rank-timeout);"
        " it has not begun any test that records"
    )


def test_whenever_ranks_come_nobody_passes_alone() -> None:
    chance = random.Random(1)  # noqa: S311 - the same moments in every run
    found = set()
    for _ in range(40):
        store, delays = Texts(), [chance.uniform(0, 0.1) for _ in range(3)]

        verdicts = together(
            *(lambda rank=rank: decide(store, rank, 0.05, late=delays[rank]) for rank in range(3))  # noqa: B023
        )

        assert len(set(verdicts)) == 1, (delays, verdicts)
        found.add(verdicts[0].partition(":")[0])
    assert found == {"0", "failed"}


def test_ranks_with_the_same_reason_are_named_together() -> None:
    store = Texts()
    for rank in (1, 2):
        Meeting(store, rank, 3, 1).end(TOPIC.test, "skipped this test")

    assert decide(store, 0) == "failed: check was not made by all ranks: ranks 1-2 of 3 skipped this test"


def test_a_rank_that_came_just_before_its_test_ended_is_heard() -> None:
    topic = Topic("t.py::test call 1", 1, (0, 1), "check")

    class Racing(Texts):
        """Between two looks of rank 0, rank 1 comes and ends."""

        def get(self, key: str) -> str | None:
            if key.startswith("end/"):
                self.set(f"said/{topic.key}/1", '["check", "I am 1"]')
                return "failed before it: ValueError"
            return super().get(key)

    assert decide(Racing(), 0, topic=topic) == "0: I am 0, 1: I am 1"


def test_a_rank_that_was_late_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_footprint.pytest_plugin.ranks.meeting._GRACE", 0.01)
    meeting = Meeting(Texts(), 0, 3, 0.3)
    meeting.store.set("at/1", "t.py::test")
    first, second = (Topic("t.py::test call 1", number, (0, 1), "check") for number in (1, 2))
    with pytest.raises(MeetingError, match=r"rank 1 of 3 did not come within 0\.3 s .*; it is in this test$"):
        meeting.decide(first, "", _join)
    since = time.monotonic()

    with pytest.raises(MeetingError, match="rank 1 of 3 did not come as before; it is in this test"):
        meeting.decide(second, "", _join)

    assert time.monotonic() - since < 0.25


def test_a_leader_that_fails_to_judge_fails_the_check_of_all() -> None:
    store, topic = Texts(), Topic("t.py::test call 1", 1, (0, 1), "check")

    def broken(said: Mapping[int, str]) -> str:
        raise OSError(28, "disk full")

    def lead() -> str:
        with pytest.raises(OSError, match="disk full"):
            Meeting(store, 0, 2, 5).decide(topic, "", broken)
        return "raised"

    assert together(lead, lambda: decide(store, 1, topic=topic)) == [
        "raised",
        "failed: rank 0 failed while it judged this check: OSError: [Errno 28] disk full",
    ]


def test_those_that_remain_decide_where_not_all_are_needed() -> None:
    store, topic = Texts(), Topic("t.py::test call 1", 1, (0, 1, 2), "the limit", needs_all=False)
    Meeting(store, 1, 3, 1).end(topic.test, "failed before it")

    verdicts = together(lambda: decide(store, 0, topic=topic), lambda: decide(store, 2, topic=topic))

    assert verdicts == ["0: I am 0, 2: I am 2"] * 2


def test_the_end_of_a_run_waits_for_those_that_come() -> None:
    store = Texts()
    Meeting(store, 1, 3, 1).over("asked")

    assert Meeting(store, 0, 3, 0.05).gather_over() == ({1: "asked"}, (2,))
