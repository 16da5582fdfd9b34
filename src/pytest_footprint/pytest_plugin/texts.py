"""What the plugin itself says; texts about differences come from the report package."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.baseline.kinds import Value
from pytest_footprint.pytest_plugin.node_ids import test_id
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.pytest_plugin.settings import RANKS
from pytest_footprint.report import brief

if TYPE_CHECKING:
    import pytest


def update_command(item: pytest.Item) -> str:
    """The command that writes the baselines of ``item``, to be pasted into a shell."""
    ranks = item.config.stash.get(RANKS, None)
    pytest = f"{ranks.launch.command} -m pytest" if ranks and ranks.launch else "pytest"
    return f"{pytest} {shlex.quote(f'{shown(item.path, item.config)}::{test_id(item)}')} --mem-baseline-update"


def shown(path: Path, config: pytest.Config) -> str:
    """``path`` as the user would type it."""
    return str(relative(path, config.invocation_params.dir))


def missing(path: str, value: Value, command: str, notes: Sequence[str] = ()) -> str:
    """Nothing is stored yet for this device; ``notes`` are what else there is to say, a line each."""
    first = "\n".join([f"no memory baseline is stored at {path}", *filter(None, notes)])
    return f"{first}\n\nmeasured: {brief(value)}\nstore it: {command}"


def elsewhere(device: str, others: Sequence[str]) -> str:
    """That there is a baseline of the same check for other devices; ``""`` when there is none."""
    return f"there is one for {' and '.join(others)}; this run is on {device}" if others else ""


def not_written(problem: str) -> str:
    """The update failed."""
    return f"memory baseline was not updated: {problem}"


def used_twice(path: str) -> str:
    """One run of one test compared two different values with one baseline."""
    return (
        "two different values of this test share one memory baseline\n\n"
        f"file: {path}\ntell them apart: mem_baseline(name=...)"
    )
