"""What a training step may take on one rank of a cluster that is not there."""

from __future__ import annotations

import pytest
from model import LLAMA_7B, LLAMA_70B
from train import Trainer


@pytest.mark.fake_world(64)
@pytest.mark.fake_tensors
@pytest.mark.max_peak_memory("7GiB")
def test_a_step_of_7_billion_parameters_keeps_its_footprint(fake_world, mem_tracker, mem_baseline):
    trainer = Trainer(LLAMA_7B, fake_world.mesh("dp"))

    footprint = mem_tracker.run(trainer.step, warmup=1)

    assert footprint == mem_baseline


@pytest.mark.fake_world(1024)
@pytest.mark.fake_tensors
@pytest.mark.max_peak_memory("40GiB")
def test_a_step_of_70_billion_parameters_keeps_its_footprint(fake_world, mem_tracker, mem_baseline):
    trainer = Trainer(LLAMA_70B, fake_world.mesh("dp"))

    footprint = mem_tracker.run(trainer.step, warmup=1)

    assert footprint == mem_baseline
