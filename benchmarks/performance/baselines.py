"""What a check against a stored baseline costs once the footprint is there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from figure import Figure
from models import model_of, training_step
from rounds import cpu_seconds, in_turn

from pytest_footprint.baseline import encode, write_atomically
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.baselines.check import BaselineCheck, check
from pytest_footprint.tracking import MemTracker

MODULES = 1001
COMPARE = "read and compare"


def baselines(rounds: int) -> Iterator[Figure]:
    """Rows of the table: read the file, compare, decide."""
    for alike, shown in ((False, "all different"), (True, "alike, so that they fold")):
        torch.manual_seed(0)
        model = model_of(MODULES, alike=alike)
        footprint = MemTracker().run(training_step(model, torch.optim.SGD(model.parameters(), lr=1e-3)), warmup=1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "test_step.cpu.toml"
            write_atomically(path, encode(footprint))
            found = in_turn({COMPARE: lambda path=path, kept=footprint: _compare(path, kept)}, rounds)  # type: ignore[misc]
        yield Figure(
            f"mem_baseline compare, 1,000 modules {shown}",
            found.median(COMPARE) * 1e3,
            found.least(COMPARE) * 1e3,
            "ms",
            30,
            10,
            samples={f"{COMPARE}, {shown}": found.taken[COMPARE]},
        )


def _compare(path: Path, footprint: Footprint) -> float:
    def compare() -> None:
        unknown = BaselineCheck(path, path.name, footprint, "pytest --mem-baseline-update", "cpu")
        done = check(unknown, Tolerance.parse("0"))
        assert done.holds  # noqa: S101 - what was just stored
        done.content()

    return cpu_seconds(compare)
