"""Loads what pytester's in-process runs would otherwise load, drop and crash on when they load it again."""

from pathlib import Path

import hypothesis
import pytest
import torch._dynamo
from page_blocks import blocks, remove_project
from sybil import Sybil

pytest_plugins = ["pytester"]
pytest_collect_file = Sybil(
    [blocks],
    path=str(Path(__file__).parent),
    patterns=["README.md", "docs/*.md"],
    excludes=["docs/decisions/*"],
    fixtures=["pytester", "monkeypatch"],
    teardown=remove_project,
).pytest()
__all__ = ["hypothesis", "torch"]


@pytest.fixture(autouse=True)
def _github_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs inside tests behave the same where GitHub Actions run the tests, and do not write into their summary."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _tests_inside_tests_keep_their_order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What shuffles our tests must not shuffle those of the projects that they run, whose order is what is tested."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")  # it deletes the variable when it is set up
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
