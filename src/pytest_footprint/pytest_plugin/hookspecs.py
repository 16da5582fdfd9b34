"""Hooks that conftest files and other plugins can implement; those who do not pay nothing.

An implementation takes the arguments that it needs, by name. In a plugin that also works without pytest-footprint, mark
it with ``@pytest.hookimpl(optionalhook=True)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_footprint.baseline.kinds import Value
    from pytest_footprint.model.comparison import Comparison
    from pytest_footprint.model.footprint import Footprint


def pytest_footprint_taken(item: pytest.Item, footprint: Footprint) -> None:
    """A test was tracked to the end of its call.

    Called once for each run of the test, in the process that ran it, before its limit is checked.

    Args:
        item: the test.
        footprint: what it took from its first function-scoped fixture to the end of its call.
    """


def pytest_footprint_compared(item: pytest.Item, path: Path, value: Value, comparison: Comparison | None) -> None:
    """A value was compared with its stored baseline.

    Called before an update writes anything, in the process that ran the test; of several ranks, on rank 0.

    Args:
        item: the test.
        path: the file of the baseline, whether it is there or not.
        value: what was measured: a Footprint, a Hierarchy or a Structure; of several ranks their RankValues.
        comparison: the differences, empty when it holds, of the ranks that grew most where there are several; ``None``
            when nothing is stored that can be read.
    """


@pytest.hookspec(firstresult=True)
def pytest_footprint_device_key(item: pytest.Item, value: Value) -> str | None:
    """Choose which machines share a baseline; the first answer that is not ``None`` counts.

    Without one a footprint has the key of its device (``cpu``, ``cuda-NVIDIA-H200``); orders and structures have
    ``any``. Keys are part of file names: what these cannot hold is escaped.

    What several ranks measured together has ``-4-ranks`` behind that.

    Args:
        item: the test.
        value: what was measured: a Footprint, a Hierarchy or a Structure; of several ranks their RankValues.
    """


def pytest_footprint_report_columns(item: pytest.Item, footprint: Footprint) -> dict[str, str] | None:
    """More columns of ``--mem-report``.

    Called at the end of the call of each tracked test, in the process that ran it.

    Args:
        item: the test.
        footprint: as for `pytest_footprint_taken`.

    Returns:
        Header -> cell; columns stand before the limit, in the order in which they first appear.
    """
