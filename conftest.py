"""Loads what pytester's in-process runs would otherwise load, drop and crash on when they load it again."""

import hypothesis
import pytest
import torch._dynamo

pytest_plugins = ["pytester"]
__all__ = ["hypothesis", "torch"]


@pytest.fixture(autouse=True)
def _github_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs inside tests behave the same where GitHub Actions run the tests, and do not write into their summary."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
