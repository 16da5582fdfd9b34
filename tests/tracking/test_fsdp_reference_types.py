"""Reference types and totals of sharded training: against what FSDP itself holds, and the allocator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import torch
from allocator import measure
from sharded import TRAININGS, Block, Net, Training, fake_ranks, held_by_fsdp, shard

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking import MemTracker

if TYPE_CHECKING:
    from torch import nn

SCALARS = 16
"""Bytes of the numbers in which optimizers multiply; no operator makes them."""
every_training = pytest.mark.parametrize("name", TRAININGS)


@pytest.fixture(autouse=True)
def _world() -> Iterator[None]:
    with fake_ranks():
        yield


@every_training
@pytest.mark.parametrize("steps_before", [0, 1])
def test_totals_are_those_of_the_allocator(name: str, steps_before: int) -> None:
    def make() -> Training:
        training = TRAININGS[name]()
        for _ in range(steps_before):
            training.step()
        return training

    truth = measure(make().step)
    footprint = MemTracker().run(make().step)

    assert abs(footprint.peak.total - footprint.start.total - truth.peak_at_operator_ends) <= SCALARS
    assert footprint.end.total - footprint.start.total == truth.end


@every_training
def test_everything_is_what_fsdp_says_it_is_at_every_moment(name: str) -> None:
    training = TRAININGS[name]()
    held: dict[str, dict[RefType, int]] = {}

    with MemTracker() as tracker:

        def look(moment: str) -> None:
            held[moment] = held_by_fsdp(training.model)
            tracker.mark(moment)

        training.look = look
        _look_inside(training.model, training)
        training.step()
        held.clear()
        training.step()
        footprint = tracker.footprint()

    told = {moment: {kind: int(footprint.at(moment)["cpu"][kind]) for kind in kinds} for moment, kinds in held.items()}
    assert told == held
    assert {"in forward of 1", "in backward of 1", "forward 0", "backward 0", "step"} <= set(held)


def test_an_optimizer_that_steps_within_the_reduction_makes_no_reduce_scatter() -> None:
    training = TRAININGS["plain"]()
    held: list[int] = []

    with MemTracker() as tracker:

        class Steps(torch.optim.SGD):
            def step(self, closure: object = None) -> None:  # type: ignore[override]
                temporary = torch.zeros(1000)
                held.append(held_by_fsdp(training.model)[RefType.REDUCE_SCATTER])
                tracker.mark(f"step {len(held)}")
                del temporary

        for parameter in training.model.parameters():
            parameter.register_post_accumulate_grad_hook(Steps([parameter]).step)
        training.model(training.x).sum().backward()
        footprint = tracker.footprint()

    group_sizes = [sum(p.nbytes for p in each.parameters()) for each in (Block(), Net(0))]
    for number, nbytes in enumerate(held, start=1):
        usage = footprint.at(f"step {number}")["cpu"]
        assert usage.temporaries >= 4000
        # The reduction that is under way becomes FSDP's own only when it is over.
        assert usage.reduce_scatter - nbytes in {0, *group_sizes}


def test_autograd_saves_what_it_saves_without_fsdp() -> None:
    """Gathered parameters are saved too, as parameters are anywhere: they are no activations."""
    torch.manual_seed(0)
    sharded, plain = Training(shard(Net())), Training(Net())

    saved, saved_plain = (MemTracker().run(each.step, warmup=1).saved for each in (sharded, plain))

    assert saved.groups() == saved_plain.groups()


def test_a_module_holds_its_shards_as_parameters() -> None:
    training = TRAININGS["resharded to 2"]()

    modules = MemTracker().run(training.step, steps=2).modules

    assert modules["Net"].parameters == sum(held.to_local().nbytes for held in training.model.parameters())  # type: ignore[attr-defined]
    assert modules["Net.blocks.1"].parameters == sum(p.nbytes for p in Block().parameters()) // 4


def _look_inside(model: nn.Module, training: Training) -> None:
    for at, block in enumerate(module for module in model.modules() if isinstance(module, Block)):

        def in_forward(module: nn.Module, args: object, output: torch.Tensor, at: int = at) -> None:
            training.look(f"in forward of {at}")
            if output.requires_grad:
                output.register_hook(lambda _: training.look(f"in backward of {at}"))

        block.up.register_forward_hook(in_forward)
