"""Memory that a recording itself takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import torch
from figure import Figure
from models import model_of, training_step
from steps import operators_in

import pytest_footprint
from pytest_footprint.tracking import MemTracker

MODULES, STEPS = 81, 50
_OURS = tracemalloc.Filter(inclusive=True, filename_pattern=str(Path(pytest_footprint.__file__).parent / "*"))


def held(rounds: int) -> Iterator[Figure]:
    """Rows of the table: what our own lines have allocated and still hold after a loop of training, by operator."""
    del rounds  # bytes do not depend on the moment
    torch.manual_seed(0)
    model = model_of(MODULES)
    step = training_step(model, torch.optim.SGD(model.parameters(), lr=1e-3, foreach=True))
    operators = operators_in(step) * STEPS
    tracemalloc.start()
    try:
        with MemTracker() as tracker:
            for _ in range(STEPS):
                step()
            gc.collect()
            kept = tracemalloc.take_snapshot().filter_traces([_OURS])
    finally:
        tracemalloc.stop()
    nbytes = sum(each.size for each in kept.traces) / operators
    trace = tracker.trace
    columns = sum(len(column) * column.itemsize for column in vars(trace).values() if hasattr(column, "itemsize"))
    yield Figure("bytes held per recorded operator, file:line included", nbytes, nbytes, "B", 100, 50)
    yield Figure("of them, entries of the columns", columns / operators, columns / operators, "B")
