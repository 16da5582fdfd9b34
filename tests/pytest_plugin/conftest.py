from __future__ import annotations

import pytest
from user_project import Project


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester, ())


@pytest.fixture(params=[(), ("-n2",)], ids=["serial", "xdist"])
def each_way(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> Project:
    """A project whose runs happen in one process, and once more in two workers."""
    return Project(pytester, request.param)
