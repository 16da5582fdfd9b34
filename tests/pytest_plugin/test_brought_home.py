"""pytest-xdist across hosts: a worker in another folder stands for one on another machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from user_project import FOOTPRINTS_WORK, Project

from pytest_footprint.pytest_plugin.baselines.brought_home import BroughtHome
from pytest_footprint.pytest_plugin.results import LIKE_FIRST_RANK, BaselineUpdate, Results

BODY = """
    @pytest.mark.parametrize("number", range(4))
    def test_it(number, mem_baseline):
        assert footprint(1024 * number) == mem_baseline
"""


@pytest.fixture
def hosts(project: Project, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments with which two workers run in folders of their own, to which the project is copied."""
    folders = [tmp_path_factory.mktemp(name) for name in ("host_a", "host_b")]
    workers = [argument for folder in folders for argument in ("--tx", f"popen//chdir={folder}")]
    ignored = "ignore:The --rsyncdir:DeprecationWarning"
    return ["-d", *workers, "--rsyncdir", str(project.path), "-W", ignored, str(project.path)]


def test_baselines_that_other_machines_wrote_come_home(project: Project, hosts: list[str]) -> None:
    project.write(FOOTPRINTS_WORK, BODY)

    project.run("--mem-baseline-update", *hosts).assert_outcomes(passed=4)

    assert len(project.baselines()) == 4
    project.run().assert_outcomes(passed=4)
    # The copies of the next run hold them too.
    project.run(*hosts).assert_outcomes(passed=4)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["written first", "deleted first"])
def test_what_one_worker_wrote_and_another_deleted_stays_deleted(order: tuple[int, int], project: Project) -> None:
    told = [
        BaselineUpdate("rank2.toml", "", "cpu peak 0 B", file="rank2.toml", text="its text"),
        BaselineUpdate("rank2.toml", "its own", LIKE_FIRST_RANK),
    ]
    config = cast("pytest.Config", SimpleNamespace(rootpath=project.path))
    report = cast("pytest.TestReport", SimpleNamespace(node="gw0"))
    home = BroughtHome(config)

    for at in order:
        home.take(report, Results(updates=(told[at],)))

    assert not (project.path / "rank2.toml").exists()
