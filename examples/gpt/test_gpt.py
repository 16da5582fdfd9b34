"""What one training step may take, and in which order its modules run."""

from __future__ import annotations

import pytest
from train import Trainer


@pytest.mark.max_peak_memory("184MiB")
def test_a_training_step_keeps_its_footprint(mem_tracker, mod_tracker, mem_baseline):
    trainer = Trainer()

    footprint = mem_tracker.run(trainer.step, warmup=1)
    order = mod_tracker.run(trainer.step)

    assert footprint == mem_baseline
    assert order == mem_baseline(name="order")
