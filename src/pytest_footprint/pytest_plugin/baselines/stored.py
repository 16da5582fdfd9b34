"""The baselines that a run can judge."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.baseline.folders import baselines_in, folders_below, has_test_file
from pytest_footprint.baseline.orphans import RanFile, orphans
from pytest_footprint.baseline.paths import folder_of

if TYPE_CHECKING:
    import pytest


def find_orphans(config: pytest.Config, ran: Collection[RanFile], asked: Collection[Path]) -> tuple[Path, ...]:
    """Baselines that a complete run has not asked for, in alphabetical order.

    Judged are those of the test files that ran completely, and those in the folders that pytest was told to collect
    (by default all) whose test file is gone.
    """
    gone = {folder for root in _roots(config) for folder in folders_below(root) if not has_test_file(folder)}
    folders = sorted(gone | {folder_of(file.path) for file in ran})
    return orphans((path for folder in folders for path in baselines_in(folder)), asked, ran, gone)


def _roots(config: pytest.Config) -> Iterator[Path]:
    for argument in config.args:
        path = config.invocation_params.dir / argument
        if path.is_dir():
            yield path
