"""Runs with pictures, taken for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from runs import ENVIRONMENT
from torch import nn

from pytest_footprint import Footprint, MemTracker
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.lifetimes import Lifetimes
from pytest_footprint.model.picture import Picture
from pytest_footprint.model.run import WHOLE_TEST, LimitVerdict, Outcome, RecordedTest, Run, TakenFootprint
from pytest_footprint.report.page import run_page
from pytest_footprint.report.page.columns import packed
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import Window

HOSTILE = "</script><script>window&hacked=1</script><img src=x onerror=hacked=1>\u2028${1}{{2}}\"'`&lt;"


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(64, 256)
        self.down = nn.Linear(256, 64)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch + self.down(torch.relu(self.up(batch)))


class Model(nn.Module):
    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, Block())

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        for block in self.children():
            batch = block(batch)
        return batch


def training(*names: str, mark: str = "warm") -> Callable[[MemTracker], Footprint]:
    """A step of a model of such blocks."""

    def record(tracker: MemTracker) -> Footprint:
        model = Model(*names)

        def step() -> None:
            loss = model(torch.ones(8, 64)).sum()
            tracker.mark(mark)
            loss.backward()

        return tracker.run(step)

    return record


def taken(record: Callable[[MemTracker], Footprint]) -> tuple[Footprint, Lifetimes]:
    """A footprint and its course."""
    read: list[Lifetimes] = []

    def keep(reading: Reading, window: Window) -> None:
        read.append(lifetimes(reading, window))

    tracker = MemTracker()
    tracker.on_reading = keep
    return record(tracker), read[-1]


def page_of(
    footprint: Footprint,
    course: Lifetimes,
    *,
    test: str = "test_model.py::test_step",
    limit: int | None = None,
    failure: str = "",
    picture: Picture | None = None,
) -> str:
    """A page of one test with one footprint of the whole test."""
    total = footprint.peak.total
    limits = (
        ()
        if limit is None
        else (LimitVerdict("cpu", "total", ByteSize(limit), total, exceeded=total > limit, rule="--max-peak-memory"),)
    )
    outcome = Outcome.FAILED if failure else Outcome.PASSED
    recorded = RecordedTest(test, outcome, (TakenFootprint(WHOLE_TEST, footprint),), limits)
    shown = replace(picture or Picture(WHOLE_TEST, ""), course=packed(course))
    return run_page(Run(ENVIRONMENT, (recorded,)), {test: [shown]}, {test: failure} if failure else {})
