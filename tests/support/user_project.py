"""A user's project, run by the plugin under test."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TORCH_WORKS = """
    import pytest
    import torch

    KIB = 1024


    def allocate(nbytes):
        return torch.ones(nbytes // 4)
"""
"""Head of a user's test file that measures for real."""

FOOTPRINTS_WORK = """
    import pytest
    from pytest_footprint import DeviceUsage, Footprint, Hierarchy, Usage
    from pytest_footprint.model.byte_size import ByteSize


    def footprint(activations, device="cpu"):
        usage = DeviceUsage({"cpu": Usage(parameters=ByteSize(4096), activations=ByteSize(activations))})
        return Footprint(peak=usage, environment={"torch": "2.13.0", "device": device})
"""
"""Head of a user's test file that needs no torch: quick, also in xdist's workers."""


class Project:
    """A user's project; each run may go to two xdist workers."""

    def __init__(self, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
        self.path = pytester.path
        self.workers = workers
        self._pytester = pytester
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write the ini file of the project."""
        # Some releases of pytest-asyncio warn where the scope is not set.
        self._pytester.makeini("\n".join(["[pytest]", "asyncio_default_fixture_loop_scope = function", *lines]))

    def write(self, *parts: str, name: str = "test_it") -> None:
        """Write a test file."""
        self._pytester.makepyfile(**{name: "\n\n".join(_dedent(part) for part in parts)})

    def conftest(self, text: str) -> None:
        self._pytester.makeconftest(_dedent(text))

    def run(self, *args: str) -> pytest.RunResult:
        """Run pytest in this process."""
        return self._pytester.runpytest_inprocess("-p", "no:cacheprovider", *self.workers, *args)

    def run_alone(self, *args: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self._pytester.runpytest_subprocess("-p", "no:cacheprovider", *args)

    def baselines(self) -> dict[str, str]:
        """File name -> text of every stored baseline."""
        return {path.name: path.read_text("utf-8") for path in sorted(self.path.rglob("__footprints__/**/*.toml"))}


def _dedent(text: str) -> str:
    return textwrap.dedent(text)
