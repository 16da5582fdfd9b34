"""A rank that dies or stops at any moment: the others come to an end, and no baseline is damaged."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
from rank_launcher import Job, Launcher

from pytest_footprint.baseline import read

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ranks are forked, to start quickly")

MOMENTS = 10
LIMIT = 1.5
"""Seconds for which a check waits for another rank."""
ROUNDS = 4
BODY = f"""
import os
import time

import pytest
import torch


@pytest.mark.parametrize("number", range({ROUNDS}))
def test_step(number, mem_tracker, mem_baseline):
    model = torch.nn.Linear(int(os.environ["WIDTH"]), 4 + (os.environ["RANK"] == "3"))
    time.sleep(0.03)
    assert mem_tracker.run(lambda: model(torch.ones(2, int(os.environ["WIDTH"]))).sum().backward()) == mem_baseline
"""


def _job(folder: Path, width: int, **changes: object) -> Job:
    args = ("-q", f"--mem-rank-timeout={LIMIT}", "--mem-baseline-update")
    return Job(str(folder), args, 4, {"WIDTH": str(width)}, deadline=30, **changes)  # type: ignore[arg-type]


def _stored(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.toml"))}


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_killing_one_of_four_ranks_never_hangs_a_run_nor_damages_a_baseline(
    launcher: Launcher, tmp_path: Path, what: signal.Signals
) -> None:
    tmp_path.joinpath("test_it.py").write_text(BODY)
    [old] = launcher.run(_job(tmp_path, 8))
    before = _stored(tmp_path)
    [new] = launcher.run(_job(tmp_path, 16))
    allowed = {name: {text, before[name]} for name, text in _stored(tmp_path).items()}
    assert old.codes == new.codes == (0, 0, 0, 0)
    assert len(allowed) == ROUNDS
    chance = random.Random(int(what))  # noqa: S311 - the same moments in every run
    seconds = min(old.seconds, new.seconds)

    within = 0
    for turn in range(MOMENTS // 2):
        # The first half of a run loads modules.
        after, rank = chance.uniform(seconds * 0.2, seconds), chance.randrange(4)
        [done] = launcher.run(_job(tmp_path, (8, 16)[turn % 2], kill=rank, signal=what, after=after))

        assert done.hung == (), done
        within += done.codes[rank] == -signal.SIGKILL
        others = {code for other, code in enumerate(done.codes) if other != rank}
        # All pass when the rank had made its last check, or else all fail.
        assert others in ({0}, {1}), done
        if 1 in others and rank:
            assert "of 4 did not come within" in done.outputs[0]
        for path in tmp_path.rglob("*.toml"):
            assert path.read_text("utf-8") in allowed[path.name], path
            read(path)
    assert within >= MOMENTS // 4
