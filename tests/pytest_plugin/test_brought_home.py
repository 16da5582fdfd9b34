"""pytest-xdist across hosts: a worker in another folder stands for one on another machine."""

from __future__ import annotations

import pytest
from user_project import FOOTPRINTS_WORK, Project

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
