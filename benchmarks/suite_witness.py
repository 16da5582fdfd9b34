"""A pytest plugin for `other_suites.py`: holds what is tracked in each test against the allocator's own account.

Every so many tests (``$WITNESS_EACH``), the others being left out: the profiler takes its time. The call of a test
runs under a `MemTracker` inside the profiler, and a line of JSON for each goes to ``$WITNESSED``.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    each = int(os.environ["WITNESS_EACH"])
    config.hook.pytest_deselected(items=[item for number, item in enumerate(items) if number % each])
    items[:] = items[::each]
    for item in items:
        item.runtest = functools.partial(_witnessed, item.nodeid, item.runtest)  # type: ignore[method-assign]


def _witnessed(test: str, runtest: Callable[[], None]) -> None:
    from allocator import measure  # noqa: PLC0415 - loads torch, which the suite may want to configure first

    from pytest_footprint.tracking import MemTracker  # noqa: PLC0415

    raised: list[BaseException] = []
    tracker = MemTracker()

    def tracked() -> None:
        try:
            with tracker:
                runtest()
        except BaseException as error:  # noqa: BLE001 - raised again below; the figures of a failed test count too
            raised.append(error)

    truth = measure(tracked)
    footprint = tracker.footprint()
    peak, start, end = (usage.get("cpu") for usage in (footprint.peak, footprint.start, footprint.end))
    base = start.total if start else 0
    row = {
        "test": test,
        # What is made without an operator (torch.get_rng_state) may be all that there is.
        "true": max(truth.peak_at_operator_ends, truth.end),
        "tracked": (peak.total if peak else 0) - base,
        "true_end": truth.end,
        "tracked_end": (end.total if end else 0) - base,
    }
    with Path(os.environ["WITNESSED"]).open("a") as file:
        file.write(json.dumps(row) + "\n")
    if raised:
        raise raised[0]
