"""Processes that a test starts itself hand their footprints over to it."""

from __future__ import annotations

import pytest
from user_project import Project

TRAIN = """
    import torch
    import torch.distributed as dist
    from pytest_footprint import MemTracker, hand_over


    def train(rank, world, folder):
        dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
        model = torch.nn.Linear(8 + rank, 4)

        def step():
            model(torch.ones(2, 8 + rank)).sum().backward()
            dist.all_reduce(model.bias.grad)

        hand_over(MemTracker().run(step), rank=rank)
        dist.destroy_process_group()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester, ())


def test_the_footprints_of_spawned_processes_are_compared_as_one_value(project: Project) -> None:
    project.write(TRAIN, name="training")
    project.write(
        """
        from torch.multiprocessing import spawn
        from training import train


        def test_ranks(tmp_path, child_footprints, mem_baseline):
            spawn(train, args=(2, str(tmp_path)), nprocs=2)
            ranks = child_footprints(2)
            assert ranks.differing == (1,)
            assert ranks.max.peak.total - ranks.min.peak.total == 40
            assert ranks == mem_baseline
        """
    )

    stored = project.run("--mem-baseline-update")

    stored.assert_outcomes(passed=1)
    [(name, text)] = project.baselines().items()
    assert name == "test_ranks.cpu.toml"
    assert 'ranks = "0-1"  # not alike, see the end: rank 1\n' in text


def test_torchs_multi_process_test_case_hands_over_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(TRAIN, name="training")
    project.write(
        """
        import os

        import pytest
        from torch.testing._internal.common_distributed import MultiProcessTestCase
        from training import train


        class TestRanks(MultiProcessTestCase):
            world_size = 2

            @pytest.fixture(autouse=True)
            def _check(self, tmp_path, child_footprints, mem_baseline):
                yield
                assert child_footprints(2) == mem_baseline

            def setUp(self):
                super().setUp()
                self._spawn_processes()

            def test_step(self):
                train(self.rank, self.world_size, os.environ["FOLDER"])
        """
    )
    monkeypatch.setenv("FOLDER", str(project.path))

    stored = project.run_alone("--mem-baseline-update", "-p", "no:hypothesispytest")

    stored.assert_outcomes(passed=1)
    assert list(project.baselines()) == ["TestRanks..test_step.cpu.toml"]


def test_a_process_that_hands_nothing_over_is_named(project: Project) -> None:
    project.write(
        """
        from pytest_footprint import Footprint, hand_over


        def test_it(child_footprints):
            hand_over(Footprint(), rank=1)
            child_footprints(3)
        """
    )

    result = project.run()

    result.stdout.fnmatch_lines(
        ["E*AssertionError: ranks 0,2 of 3 ended without hand_over(footprint, rank=rank), so there is no*"]
    )


def test_without_the_fixture_nobody_waits(project: Project) -> None:
    project.write(
        """
        import pytest
        from pytest_footprint import Footprint, hand_over


        def test_it():
            with pytest.raises(RuntimeError, match="the test that starts this process needs child_footprints"):
                hand_over(Footprint(), rank=0)


        def test_rank(child_footprints):
            with pytest.raises(ValueError, match="rank=-1 is not a rank"):
                hand_over(Footprint(), rank=-1)
        """
    )

    project.run().assert_outcomes(passed=2)
