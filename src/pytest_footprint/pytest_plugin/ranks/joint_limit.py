"""A limit that one rank goes above fails the test on all ranks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.model.rank_numbers import ranks_said
from pytest_footprint.pytest_plugin.ranks.meeting import MeetingError
from pytest_footprint.tracking.distributed.rank_store import RankStoreError

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.ranks.meeting import Meeting
    from pytest_footprint.pytest_plugin.ranks.ranks import Ranks
    from pytest_footprint.pytest_plugin.recording import Recording


def check_limit_together(item: pytest.Item, recording: Recording, ranks: Ranks) -> None:
    """Fail the test when any rank is above its limit; ranks whose test has failed before are not waited for."""
    meeting = ranks.meeting()
    if meeting is None:
        recording.check_limit()
        return
    own = recording.limit_text()
    topic = ranks.topic(item, tuple(range(meeting.world_size)), "the limit of memory", needs_all=False)
    try:
        breached = json.loads(meeting.decide(topic, own.partition("\n")[0], _breached))
    except (MeetingError, RankStoreError) as problem:
        recording.failure = f"{problem}"
    else:
        recording.failure = _text(breached, own, meeting)
    if recording.failure:
        pytest.fail(recording.failure, pytrace=False)


def _breached(said: Mapping[int, str]) -> str:
    return json.dumps({rank: headline for rank, headline in said.items() if headline})


def _text(breached: Mapping[str, str], own: str, meeting: Meeting) -> str:
    """All of what this rank has to say, and the headlines of others that say something else."""
    by_text: dict[str, list[int]] = {}
    for rank, headline in breached.items():
        by_text.setdefault(headline, []).append(int(rank))
    mine = own.partition("\n")[0]
    told = [f"{ranks_said(by_text[mine])} of {meeting.world_size}: {own}"] if mine in by_text else []
    others = [
        f"{ranks_said(ranks)} of {meeting.world_size}: {headline}"
        for headline, ranks in by_text.items()
        if headline != mine
    ]
    return "\n\n".join([*told, "\n".join(others)]).strip()
