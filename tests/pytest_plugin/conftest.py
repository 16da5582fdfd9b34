from __future__ import annotations

import sys

import pytest
from user_project import Project


@pytest.fixture(autouse=True)
def _no_stale_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test file that is rewritten within a second, at the same length, would run as it was."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester, ())


@pytest.fixture(params=[(), ("-n2",)], ids=["serial", "xdist"])
def each_way(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> Project:
    """A project whose runs happen in one process, and once more in two workers."""
    return Project(pytester, request.param)
