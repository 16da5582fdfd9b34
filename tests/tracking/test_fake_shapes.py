"""DTensor works out shapes with fake tensors of the whole: those are not counted, the program's own are."""

from __future__ import annotations

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed.tensor import DTensor, Shard, distribute_tensor, empty

from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.distributed.fake_world import FakeWorld

RANKS = 8


def test_what_dtensor_makes_to_find_shapes_has_no_memory_also_in_the_fake_mode_of_the_program() -> None:
    with FakeWorld(RANKS) as world, FakeTensorMode():
        whole = empty(RANKS, 1000, device_mesh=world.mesh(), placements=[Shard(0)])
        with MemTracker() as tracker:
            made = [torch.empty(10)]
            made.append(whole * 2)
            made.append(torch.empty(20))

            alive = tracker.footprint()

    assert alive.end.total == alive.peak.total == 4 * (10 + 1000 + 20)


def test_the_fake_mode_of_the_program_is_not_taken_for_dtensors_own_when_that_comes_first() -> None:
    with FakeWorld(RANKS) as world:
        real = distribute_tensor(torch.ones(RANKS, 1000), world.mesh(), [Shard(0)])
        with FakeTensorMode() as mode:
            whole = mode.from_tensor(real)
            with MemTracker() as tracker:
                made = [whole * 2, torch.empty(20)]

                alive = tracker.footprint()

    assert len(made) == 2
    assert alive.end.total == 4 * (1000 + 20)


def test_what_dtensor_makes_to_find_shapes_is_no_gradient_that_was_there_before() -> None:
    with FakeWorld(RANKS) as world, MemTracker() as tracker:
        weight = distribute_tensor(torch.ones(RANKS, 1000), world.mesh(), [Shard(0)]).requires_grad_()
        (weight * 2).sum().backward()

        found = tracker.footprint()

    assert isinstance(weight.grad, DTensor)
    assert found.start.total == 0
    assert found.peak.gradients == found.end.gradients == weight.grad.to_local().nbytes
