"""Real processes on gloo, as a launcher starts them: every rank runs pytest, and all come to one verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rank_launcher import Done, Job, Launcher

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ranks are forked, to start quickly")

HEAD = """
import os
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

RANK = int(os.environ["RANK"])


@pytest.fixture(scope="session")
def world():
    dist.init_process_group("gloo", timeout=timedelta(seconds=20))
    yield
    dist.destroy_process_group()


def step(width):
    model = torch.nn.Linear(width, 4)

    def run():
        model(torch.ones(2, width)).sum().backward()
        if dist.is_initialized():
            dist.all_reduce(model.bias.grad)

    return run
"""
QUICK = ("-q", "--mem-rank-timeout=20")


def ranks(launcher: Launcher, folder: Path, body: str, *jobs: Job) -> list[Done]:
    """Run a user's test file in ``folder`` as each of ``jobs`` says."""
    folder.joinpath("test_it.py").write_text(f"{HEAD}\n{body}")
    found = launcher.run(*jobs)
    assert not any(done.hung for done in found), found
    return found


def job(folder: Path, *args: str, ranks: int = 2, agent: bool = True, **env: str) -> Job:
    return Job(str(folder), (*QUICK, *args), ranks, env, agent=agent)


def baselines(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.toml"))}


STEP = """
def test_step(world, mem_tracker, mem_baseline):
    width = 9 if RANK == int(os.environ.get("BIG", -1)) else 8
    assert mem_tracker.run(step(width)) == mem_baseline
"""


@pytest.mark.parametrize("agent", [True, False], ids=["the launcher serves", "rank 0 serves"])
def test_four_ranks_store_one_baseline_and_fail_together_when_one_of_them_grows(
    launcher: Launcher, tmp_path: Path, *, agent: bool
) -> None:
    stored, held, grown = ranks(
        launcher,
        tmp_path,
        STEP,
        job(tmp_path, "--mem-baseline-update", ranks=4, agent=agent),
        job(tmp_path, ranks=4, agent=agent),
        job(tmp_path, ranks=4, agent=agent, BIG="2"),
    )

    assert stored.codes == held.codes == (0, 0, 0, 0)
    assert grown.codes == (1, 1, 1, 1)
    [(name, text)] = baselines(tmp_path).items()
    assert name == "test_step.cpu-4-ranks.toml"
    assert 'ranks = "0-3"  # all 4 alike\n' in text
    # Rank 0 tells everything, the others what happened.
    headline = "rank 2 of 4: memory differs from its baseline: cpu peak +40 B (+11 %), 160 B more with every step: "
    assert all(headline in output for output in grown.outputs)
    assert "cpu peak of the ranks: min 360 B (ranks 0-1,3), max 400 B (rank 2)" in grown.outputs[0]
    assert "torchrun --nproc-per-node 4 -m pytest test_it.py::test_step --mem-baseline-update" in grown.outputs[0]
    for output in grown.outputs[1:]:
        assert "rank 0 shows all of it" in output
        assert "cpu peak of the ranks" not in output
    assert [("memory baselines written" in output) for output in stored.outputs] == [True, False, False, False]


def test_ranks_that_differ_by_design_are_stored_as_they_are(launcher: Launcher, tmp_path: Path) -> None:
    stored, held, equal = ranks(
        launcher,
        tmp_path,
        STEP,
        job(tmp_path, "--mem-baseline-update", ranks=4, BIG="3"),
        job(tmp_path, ranks=4, BIG="3"),
        job(tmp_path, ranks=4),
    )

    assert stored.codes == held.codes == (0, 0, 0, 0)
    assert equal.codes == (1, 1, 1, 1)
    [text] = baselines(tmp_path).values()
    assert 'ranks = "0-3"  # not alike, see the end: rank 3\n' in text
    assert "\n[rank.3.peak.cpu]\ntotal = 400  # 400 B\n" in text
    assert "rank 3 of 4: memory differs from its baseline: cpu peak -40 B (-10 %)" in equal.outputs[1]


def test_a_test_that_knows_no_ranks_keeps_its_baseline_of_one_process(launcher: Launcher, tmp_path: Path) -> None:
    body = "def test_alone(mem_tracker, mem_baseline):\n    assert mem_tracker.run(step(8)) == mem_baseline\n"
    two = job(tmp_path, "--mem-baseline-update")
    alone = Job(str(tmp_path), QUICK, ranks=1)

    done = ranks(launcher, tmp_path, body, two, alone, job(tmp_path, ranks=4))

    assert [each.codes for each in done] == [(0, 0), (0,), (0, 0, 0, 0)]
    [(name, text)] = baselines(tmp_path).items()
    assert name == "test_alone.cpu.toml"
    assert "ranks" not in text


GONE = """
def test_it(world, mem_tracker, mem_baseline, request):
    footprint = mem_tracker.run(step(8))
    if RANK == 1:
        {}
    assert footprint == mem_baseline


def test_next(world, mem_tracker, mem_baseline):
    assert mem_tracker.run(step(8)) == mem_baseline
"""


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ('raise ValueError("out of cheese")', "failed before it: ValueError: out of cheese"),
        ('pytest.skip("not here")', "skipped this test"),
        ("return", "ended this test without it"),
        ("assert footprint == mem_baseline(name='other')", "came to check 'other' of a footprint instead"),
        ("pytest.exit('enough', 3)", "ended its run without this test"),
    ],
    ids=["raises", "skips", "returns", "makes another", "exits"],
)
def test_a_rank_that_does_not_come_fails_the_check_of_the_others_at_once(
    launcher: Launcher, tmp_path: Path, what: str, said: str
) -> None:
    [done] = ranks(launcher, tmp_path, GONE.format(what), job(tmp_path, "--mem-baseline-update"))

    assert done.codes[0] == 1
    expected = f"AssertionError: check of a footprint was not made by all ranks: rank 1 of 2 {said}"
    assert expected in done.outputs[0]
    assert "where only some ranks make it, name them: mem_baseline(ranks=[0, 1])" in done.outputs[0]
    assert done.seconds < 20  # the time limit of the check
    # Nothing of the check that failed is stored; what comes after it is as ever.
    assert not tmp_path.joinpath("__footprints__/test_it/test_it.cpu-2-ranks.toml").exists()
    assert "exit" in what or "test_next.cpu-2-ranks.toml" in baselines(tmp_path)


def test_the_others_are_told_when_rank_0_does_not_come(launcher: Launcher, tmp_path: Path) -> None:
    body = GONE.format("pass").replace("if RANK == 1:\n        pass", 'if RANK == 0:\n        raise KeyError("no")')

    [done] = ranks(launcher, tmp_path, body, job(tmp_path, "--mem-baseline-update", ranks=3))

    assert done.codes == (1, 1, 1)
    for output in done.outputs[1:]:
        assert "was not made by all ranks: rank 0 of 3 failed before it: KeyError: 'no'" in output


def test_some_ranks_can_make_a_check_of_their_own(launcher: Launcher, tmp_path: Path) -> None:
    body = """
def test_it(world, mem_tracker, mem_baseline):
    footprint = mem_tracker.run(step(8 + RANK))
    if RANK:
        assert footprint == mem_baseline(ranks=[1, 2])
"""
    runs = (job(tmp_path, "--mem-baseline-update", ranks=3), job(tmp_path, "--mem-baseline-prune", ranks=3))

    done = ranks(launcher, tmp_path, body, *runs)

    assert [each.codes for each in done] == [(0, 0, 0)] * 2
    # Rank 0, which judges what is stale, did not ask for it itself.
    assert list(baselines(tmp_path)) == ["test_it.cpu-rank-1-2-of-3.toml"]


def test_orders_are_checked_together_too(launcher: Launcher, tmp_path: Path) -> None:
    body = """
def test_order(world, mod_tracker, mem_baseline):
    model = torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(2 + (RANK == 1 and "MORE" in os.environ))])
    assert mod_tracker.run(lambda: model(torch.ones(1, 4))) == mem_baseline
"""
    stored, more = ranks(launcher, tmp_path, body, job(tmp_path, "--mem-baseline-update"), job(tmp_path, MORE="1"))

    assert (stored.codes, more.codes) == ((0, 0), (1, 1))
    assert "rank 1 of 2: modules run in another order than in the baseline: " in more.outputs[1]


def test_a_limit_that_one_rank_breaks_fails_the_test_on_all(launcher: Launcher, tmp_path: Path) -> None:
    body = """
@pytest.mark.max_peak_memory("1KiB")
def test_limit():
    torch.ones(1 if RANK else 1024)
"""
    [done] = ranks(launcher, tmp_path, body, job(tmp_path))

    assert done.codes == (1, 1)
    for output in done.outputs:
        assert "rank 0 of 2: cpu peak is 4 KiB, 3 KiB over the limit of 1 KiB (+300 %)" in output
    assert "largest of it" in done.outputs[0]


def test_a_fake_world_has_one_real_process(launcher: Launcher, tmp_path: Path) -> None:
    body = """
from torch.testing._internal.distributed.fake_pg import FakeStore


def test_it(mem_tracker, mem_baseline):
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=64)
    footprint = mem_tracker.run(step(8))
    if RANK == 0:
        assert footprint == mem_baseline
    dist.destroy_process_group()
"""
    [done] = ranks(launcher, tmp_path, body, job(tmp_path, "--mem-baseline-update"))

    assert done.codes == (0, 0)
    assert list(baselines(tmp_path)) == ["test_it.cpu.toml"]


def test_a_group_without_a_launcher_is_enough(launcher: Launcher, tmp_path: Path) -> None:
    """As under mpirun or srun, whose variables are others."""
    body = """
@pytest.fixture(scope="session", autouse=True)
def world():
    store = dist.FileStore("store", 2)
    dist.init_process_group("gloo", store=store, rank=RANK, world_size=2, timeout=timedelta(seconds=20))
    yield
    dist.destroy_process_group()


def test_fails(mem_tracker, mem_baseline):
    footprint = mem_tracker.run(step(8))
    if RANK:
        raise ValueError("first")
    assert footprint == mem_baseline


def test_it(mem_tracker, mem_baseline):
    assert mem_tracker.run(step(8)) == mem_baseline
"""
    [done] = ranks(launcher, tmp_path, body, job(tmp_path, "--mem-baseline-update", MASTER_PORT=""))

    assert done.codes == (1, 1)
    assert "rank 1 of 2 failed before it: ValueError: first" in done.outputs[0]
    assert list(baselines(tmp_path)) == ["test_it.cpu-2-ranks.toml"]


def test_each_rank_writes_files_of_its_own(launcher: Launcher, tmp_path: Path) -> None:
    args = ("--mem-baseline-update", "--mem-json=run.json", "--junitxml=junit.xml")

    ranks(launcher, tmp_path, STEP, job(tmp_path, *args))

    for name in ("run.json", "run.rank1.json"):
        [test] = json.loads(tmp_path.joinpath(name).read_text())["tests"]
        assert test["checks"][0]["baseline"] == "__footprints__/test_it/test_step.cpu-2-ranks.toml"
        assert test["checks"][0]["verdict"] == "written"
    assert {path.name for path in tmp_path.glob("junit*")} == {"junit.xml", "junit.rank1.xml"}


def test_variables_of_a_launcher_that_is_not_there_are_named(launcher: Launcher, tmp_path: Path) -> None:
    [done] = ranks(launcher, tmp_path, STEP, job(tmp_path, "--mem-rank-timeout=1", MASTER_PORT="1"))

    assert done.codes == (1, 1)
    assert "rank 1 of 2 cannot reach the others: no answer from localhost:1: " in done.outputs[1]
    assert "are set, so this is one of several ranks; unset them where it is not" in done.outputs[1]


def test_each_rank_writes_its_own_page_and_traces(launcher: Launcher, tmp_path: Path) -> None:
    files = ("--mem-html=run.html", "--mem-trace=traces")

    [done] = ranks(launcher, tmp_path, STEP, job(tmp_path, "--mem-baseline-update", "-v", *files))

    assert done.codes == (0, 0), done.outputs
    assert {path.name for path in tmp_path.glob("*.html")} == {"run.html", "run.rank1.html"}
    written = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.trace")]
    assert sorted(written) == ["traces/rank1/test_it/test_step.trace", "traces/test_it/test_step.trace"]
    assert "page of this run: run.html" in done.outputs[0]
    assert "memory traces of 1 test: traces" in done.outputs[0]
    assert "page of this run: run.rank1.html" in done.outputs[1]
    assert "memory traces of 1 test: traces/rank1" in done.outputs[1]
