from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from user_project import Project

HEAD = """
import pytest, torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch._subclasses.fake_tensor import FakeTensor

def is_clean():
    return not dist.is_initialized() and type(torch.ones(1)) is torch.Tensor
"""


def write(project: Project, body: str) -> None:
    project.write(HEAD, body)


STEP = """
@pytest.fixture
def model(fake_world):
    model = nn.Linear(1024, 1024, bias=False)
    fully_shard(model, mesh=fake_world.mesh("dp"))
    return model

@pytest.mark.fake_world(64)
@pytest.mark.fake_tensors
@pytest.mark.max_peak_memory("9MiB")
def test_a_step(model, fake_world, mem_tracker, mem_baseline):
    footprint = mem_tracker.run(lambda: model(torch.ones(1, 1024)).sum().backward())
    assert (fake_world.size, fake_world.rank, dist.get_world_size()) == (64, 0, 64)
    assert all(isinstance(each.to_local(), FakeTensor) for each in model.parameters())
    assert footprint == mem_baseline
    assert footprint.start.total == 1024 * 1024 * 4 // 64

def test_the_next_one():
    assert is_clean()
"""


def test_a_sharded_step_is_measured_without_a_cluster(each_way: Project) -> None:
    write(each_way, STEP)
    each_way.run("--mem-baseline-update").assert_outcomes(passed=2)

    held = each_way.run()

    held.assert_outcomes(passed=2)


def test_a_limit_is_held_and_the_model_of_a_fixture_counts(project: Project) -> None:
    write(project, STEP.replace("9MiB", "1MiB"))

    result = project.run("--mem-baseline-update")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["cpu peak is * over the limit of 1 MiB *", "*float32[[]1024, 1024]*"])


@pytest.mark.parametrize("where", ["test", "fixture", "teardown"])
def test_after_a_failure_the_next_test_is_clean(each_way: Project, where: str) -> None:
    write(
        each_way,
        f"""
@pytest.fixture
def thing(fake_world):
    assert "{where}" != "fixture"
    yield fake_world.mesh()
    assert "{where}" != "teardown"

@pytest.mark.fake_world(8)
@pytest.mark.fake_tensors
def test_it(thing, mem_tracker):
    kept = torch.ones(3)
    assert "{where}" != "test"

def test_the_next_one():
    assert is_clean()
""",
    )

    result = each_way.run()

    at_test = {"failed": 1, "passed": 1} if where == "test" else {}
    result.assert_outcomes(**(at_test or {"errors": 1, "passed": 2 if where == "teardown" else 1}))


def test_fixtures_of_a_wider_scope_are_real(project: Project) -> None:
    write(
        project,
        """
@pytest.fixture(scope="module")
def table():
    assert is_clean()
    return torch.arange(3)

@pytest.mark.fake_world(8, rank=5)
@pytest.mark.fake_tensors(allow_non_fake_inputs=True)
def test_it(table):
    assert dist.get_rank() == 5
    assert isinstance(torch.ones(3) + table, FakeTensor)

@pytest.mark.fake_tensors
def test_without_a_world(table):
    assert isinstance(torch.ones(3), FakeTensor) and not dist.is_initialized()
    with pytest.raises(Exception, match="Please convert all Tensors to FakeTensors first"):
        torch.ones(3) + table
""",
    )

    project.run().assert_outcomes(passed=2)


def test_another_process_group_is_named_and_left_alone(project: Project) -> None:
    write(
        project,
        """
@pytest.fixture(scope="module", autouse=True)
def group(tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()

@pytest.mark.fake_world(64)
@pytest.mark.fake_tensors
def test_it(mem_tracker):
    pass

def test_the_group_is_there():
    assert dist.get_backend() == "gloo" and type(torch.ones(1)) is torch.Tensor
    dist.all_reduce(torch.ones(1))
""",
    )

    result = project.run()

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "a fake world of 64 ranks needs this process to have no process group, and there is one: backend gloo,"
                " rank 0 of 1."
            ),
            "It is untouched. End it first (torch.distributed.destroy_process_group()), perhaps*",
        ]
    )
    assert "surroundings.py" not in str(result.stdout)


def test_the_fixture_without_the_marker_says_what_is_missing(project: Project) -> None:
    write(project, "def test_it(fake_world): ...")

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the fixture fake_world needs to know how many ranks there are; mark the test:"
                " @pytest.mark.fake_world(64, rank=0)"
            )
        ]
    )


WORLD = "accepted: @pytest.mark.fake_world(64, rank=0)"
TENSORS = "accepted: @pytest.mark.fake_tensors(allow_non_fake_inputs=False)"
RANKS = "accepted: @pytest.mark.vary_rank(0, 1, 63)"


@pytest.mark.parametrize(
    ("marks", "problem", "accepted"),
    [
        (
            ["fake_world()"],
            "fake_world: it takes the number of ranks, and the rank by keyword; numbers given: none",
            WORLD,
        ),
        (
            ["fake_world(8, 3)"],
            "fake_world: it takes the number of ranks, and the rank by keyword; numbers given: 8, 3",
            WORLD,
        ),
        (["fake_world('64')"], "fake_world: '64' is not a number of ranks; write 1 or more", WORLD),
        (["fake_world(True)"], "fake_world: True is not a number of ranks; write 1 or more", WORLD),
        (["fake_world(0)"], "fake_world: 0 is not a number of ranks; write 1 or more", WORLD),
        (["fake_world(8, size=8)"], "fake_world: it has no keyword 'size'; keywords: rank", WORLD),
        (["fake_world(8, rank=8)"], "fake_world: rank 8 is not in a world of 8: ranks are 0 to 7", WORLD),
        (["fake_world(8, rank='0')"], "fake_world: rank '0' is not in a world of 8: ranks are 0 to 7", WORLD),
        (["fake_tensors(True)"], "fake_tensors: it takes keywords only; given: True", TENSORS),
        (["fake_tensors(real=1)"], "fake_tensors: it has no keyword 'real'; keywords: allow_non_fake_inputs", TENSORS),
        (
            ["fake_tensors(allow_non_fake_inputs=1)"],
            "fake_tensors: allow_non_fake_inputs=1 is neither True nor False",
            TENSORS,
        ),
        (["vary_rank(0, 1)"], "vary_rank: ranks of what? Say how many there are: @pytest.mark.fake_world(64)", RANKS),
        (["fake_world(8)", "vary_rank()"], "vary_rank: it names no rank", RANKS),
        (
            ["fake_world(8)", "vary_rank(range(8))"],
            "vary_rank: range(0, 8) is not a rank; write the ranks themselves, or *range(8)",
            RANKS,
        ),
        (["fake_world(8)", "vary_rank('0')"], "vary_rank: '0' is not a rank", RANKS),
        (["fake_world(8)", "vary_rank(0, 0)"], "vary_rank: rank 0 is named twice", RANKS),
        (["fake_world(8)", "vary_rank(0, 8)"], "vary_rank: rank 8 is not in a world of 8: ranks are 0 to 7", RANKS),
        (["fake_world(8)", "vary_rank(ranks=8)"], "vary_rank: it takes ranks and no keyword 'ranks'", RANKS),
        (
            ["fake_world(8, rank=1)", "vary_rank(0)"],
            "fake_world: rank=1 is one rank and @pytest.mark.vary_rank names others: leave one of them out",
            WORLD,
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_marker_is_an_error_of_collection_that_names_the_test(
    project: Project, marks: list[str], problem: str, accepted: str
) -> None:
    write(project, "\n".join(f"@pytest.mark.{mark}" for mark in marks) + "\ndef test_it(): ...")

    result = project.run()

    result.assert_outcomes(errors=1)
    lines = [line for line in result.outlines if line.startswith("test_it.py::test_it")]
    assert lines
    assert lines[0].partition(": ")[2] == problem
    assert accepted in result.outlines


def test_a_unittest_cannot_vary_its_rank(project: Project) -> None:
    write(
        project,
        """
import unittest

@pytest.mark.fake_world(8)
class TestIt(unittest.TestCase):
    def test_world(self):
        assert dist.get_world_size() == 8

    @pytest.mark.vary_rank(0, 1)
    def test_it(self): ...
""",
    )

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*::test_it: vary_rank: pytest cannot parametrize this test (it does not parametrize unittest.TestCase)*"]
    )


def test_the_markers_are_listed(project: Project) -> None:
    result = project.run("--markers", "--strict-markers")

    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.fake_world(64, rank=0): *",
            "@pytest.mark.fake_tensors(*): *",
            "@pytest.mark.vary_rank(0, 1, 63): *",
        ]
    )
