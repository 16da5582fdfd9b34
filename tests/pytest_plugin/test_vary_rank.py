"""`vary_rank`: the same test as several ranks, in one table, with one baseline for those that are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from user_project import Project

STAGES = """
import pytest, torch

LAYERS = {0: 4, 1: 2, 2: 2, 3: 3}

@pytest.mark.fake_world(4)
@pytest.mark.vary_rank(0, 1, 2, 3)
def test_stage(fake_world, mem_tracker, mem_baseline):
    footprint = mem_tracker.run(lambda: [torch.ones(256) for _ in range(LAYERS[fake_world.rank])])
    assert footprint == mem_baseline
"""


def baselines(path: Path) -> list[str]:
    return sorted(each.name for each in path.glob("__footprints__/test_it/*"))


def own(*ranks: int) -> list[str]:
    return [f"test_stage[rank{rank}].cpu.toml" for rank in ranks]


def test_equal_ranks_share_the_baseline_of_the_first(each_way: Project) -> None:
    each_way.write(STAGES.replace("0: 4", "0: 2"))
    written = each_way.run("--mem-baseline-update")

    written.assert_outcomes(passed=4)
    written.stdout.fnmatch_lines(["2 baselines written: 2 new"])
    stored = baselines(each_way.path)
    held = each_way.run()

    assert stored == own(0, 3)
    held.assert_outcomes(passed=4)


def test_a_rank_that_becomes_another_is_named_and_gets_its_own_until_it_is_equal_again(each_way: Project) -> None:
    each_way.write(STAGES.replace("0: 4", "0: 2"))
    each_way.run("--mem-baseline-update")
    each_way.write(STAGES.replace("0: 4", "0: 2").replace("2: 2", "2: 5"))

    differs = each_way.run()
    each_way.run("--mem-baseline-update").assert_outcomes(passed=4)
    two = baselines(each_way.path)
    each_way.write(STAGES.replace("0: 4", "0: 5").replace("1: 2, 2: 2, 3: 3", "1: 5, 2: 5, 3: 5"))
    each_way.run("--mem-baseline-update").assert_outcomes(passed=4)

    differs.assert_outcomes(passed=3, failed=1)
    differs.stdout.fnmatch_lines(
        [
            "E * held against the baseline of rank 0: rank 2 has none of its own",
            "E * to accept it as the new baseline: pytest 'test_it.py::test_stage[[]rank2]' --mem-baseline-update",
        ]
    )
    assert two == own(0, 2, 3)
    assert baselines(each_way.path) == own(0)
    each_way.run().assert_outcomes(passed=4)


def test_shared_baselines_are_not_stale_and_those_of_ranks_that_are_gone_are(project: Project) -> None:
    project.write(STAGES)
    project.run("--mem-baseline-update")

    quiet = project.run()
    project.write(STAGES.replace("(0, 1, 2, 3)", "(0, 1)"))
    said = project.run()

    assert "that no test asked for" not in str(quiet.stdout)
    said.stdout.fnmatch_lines(["2 baselines that no test asked for in this complete run:"])
    said.stdout.fnmatch_lines(["*test_stage[[]rank3].cpu.toml*"])


def test_the_ranks_stand_in_one_table(each_way: Project) -> None:
    each_way.write(STAGES.replace("    assert footprint == mem_baseline\n", ""))

    result = each_way.run()

    result.assert_outcomes(passed=4)
    lines = result.outlines
    at = next(at for at, line in enumerate(lines) if "memory by rank" in line)
    assert lines[at + 1 : at + 6] == [
        "test_it.py::test_stage: 4 ranks, rank 0 takes most: cpu 4 KiB, 2 KiB more than rank 1 (+100 %)",
        "rank   peak          temporaries  end",
        "0     4 KiB  +100 %  4 KiB        0 B",
        "1-2   2 KiB          2 KiB        0 B",
        "3     3 KiB  +50 %   3 KiB        0 B",
    ]


def test_a_test_without_a_tracker_is_compared_too_and_its_parameters_tell_tests_apart(
    project: Project,
) -> None:
    project.write(
        """
        import pytest, torch

        @pytest.mark.fake_world(4)
        @pytest.mark.vary_rank(0, 3)
        @pytest.mark.parametrize("count", [1, 2])
        def test_it(count):
            kept = [torch.ones(256) for _ in range(count)]
        """
    )

    result = project.run("-v")

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_it[[]1-rank0] PASSED*",
            "test_it.py::test_it[[]1-rank3] PASSED*",
            "test_it.py::test_it[[]1]: 2 ranks, each with the peak cpu 1 KiB",
            "0, 3  1 KiB *",
            "test_it.py::test_it[[]2]: 2 ranks, each with the peak cpu 2 KiB",
        ]
    )


def test_an_update_of_one_rank_alone_leaves_the_others(project: Project) -> None:
    project.write(STAGES.replace("0: 4", "0: 2"))
    project.run("--mem-baseline-update")
    project.write(STAGES.replace("0: 4", "0: 2").replace("1: 2", "1: 5"))

    project.run("--mem-baseline-update", "-k", "rank1").assert_outcomes(passed=1)

    assert baselines(project.path) == own(0, 1, 3)
    project.run().assert_outcomes(passed=4)
