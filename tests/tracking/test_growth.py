"""Growth from step to step, of real training steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker


class _Trainer:
    def __init__(self, *, keep: bool) -> None:
        self.model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10))
        self.optimizer = torch.optim.AdamW(self.model.parameters())
        self.losses: list[torch.Tensor] = []
        self.keep = keep

    def step(self, batch: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        output = self.model(batch)
        output.sum().backward()
        self.optimizer.step()
        if self.keep:
            self.losses.append(output.detach())


def _said(footprint: Footprint, skip: int = 1) -> str:
    with pytest.raises(AssertionError) as caught:
        footprint.assert_no_growth(skip=skip)
    return str(caught.value)


def test_a_training_loop_that_keeps_nothing_passes_after_its_first_step() -> None:
    footprint = MemTracker().run(_Trainer(keep=False).step, torch.randn(128, 64), steps=4)

    footprint.assert_no_growth()
    assert "optimizer states of Sequential.0: 2 x float32[64, 64] from aten.zeros_like" in _said(footprint, skip=0)


def test_what_a_training_loop_keeps_is_named_with_module_and_line() -> None:
    footprint = MemTracker().run(_Trainer(keep=True).step, torch.randn(128, 64), steps=4, warmup=1)

    headline, *rows = _said(footprint).splitlines()

    assert headline == "cpu memory grows from step to step: +15 KiB after step 1, +5 KiB with each of steps 2 to 4"
    [row] = rows
    assert row.startswith("  +15 KiB activations of Sequential.2: 3 x float32[128, 10] from aten.addmm, ")
    assert Path(row.split(", ")[-1].rpartition(":")[0]).name == Path(__file__).name


def test_what_is_kept_between_the_steps_of_a_loop_is_growth_of_the_next_one() -> None:
    kept, trainer, tracker = [], _Trainer(keep=False), MemTracker()

    with tracker:
        for _ in range(3):
            with tracker.step():
                trainer.step(torch.ones(128, 64))
            kept.append(torch.ones(256))

    assert _said(tracker.footprint()).startswith(
        "cpu memory grows from step to step: +2 KiB after step 1, +1 KiB with each of steps 2 to 3\n"
        "  +2 KiB activations: 2 x float32[256] from aten.ones"
    )
