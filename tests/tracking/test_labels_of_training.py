"""Reference types in training loops that go their own ways: what is what equals what the program itself can add up."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.testing._internal.two_tensor import TwoTensor

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking import MemTracker


def _end(program: Callable[[], object]) -> Footprint:
    """The footprint while what the program returned is still alive."""
    tracker = MemTracker()
    with tracker:
        kept = program()
        footprint = tracker.footprint()
    del kept
    return footprint


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimisation as it is usually written: two steps, the base optimizer in the second."""

    def __init__(
        self, parameters: list[nn.Parameter], base: Callable[..., torch.optim.Optimizer], **options: Any
    ) -> None:
        super().__init__(parameters, {"rho": 0.05, **options})
        self.base = base(self.param_groups, **options)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self) -> None:
        norm = torch.stack([p.grad.norm() for group in self.param_groups for p in group["params"]]).norm()
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old"] = p.clone()
                p.add_(p.grad * (group["rho"] / norm))
        self.zero_grad()

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor]) -> None:  # type: ignore[override]
        self.first_step()
        with torch.enable_grad():
            closure().backward()
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p]["old"])
        self.base.step()
        self.zero_grad()


def test_sharpness_aware_minimisation_keeps_old_parameters_and_momenta_as_state() -> None:
    model, x = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)), torch.randn(4, 8)
    parameters = sum(parameter.nbytes for parameter in model.parameters())

    def program() -> torch.optim.Optimizer:
        optimizer = SAM(list(model.parameters()), torch.optim.SGD, lr=0.1, momentum=0.9)
        for _ in range(2):
            model(x).sum().backward()
            optimizer.step(lambda: model(x).sum())
        return optimizer

    footprint = _end(program)

    assert footprint.end.optimizer_states == 2 * parameters
    assert footprint.end.parameters == parameters
    assert footprint.end.gradients == footprint.end.activations == 0


def test_an_averaged_model_is_parameters_and_buffers_from_the_first_update() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    parameters, buffers = (sum(each.nbytes for each in them) for them in (model.parameters(), model.buffers()))

    def program() -> nn.Module:
        average = AveragedModel(model, use_buffers=True)
        model(torch.randn(4, 8)).sum().backward()
        average.update_parameters(model)
        model.zero_grad()
        return average

    footprint = _end(program)

    assert footprint.end.parameters == 2 * parameters
    assert footprint.end.buffers == 2 * buffers + torch.tensor(0).nbytes  # it counts its updates


def test_a_parameter_with_two_tensors_inside_is_all_parameter_and_so_are_its_gradients_and_state() -> None:
    def program() -> object:
        weight = nn.Parameter(TwoTensor(torch.ones(8, 8), torch.ones(8, 8)))
        optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
        model = nn.Module()
        model.weight = weight
        (weight * 2).sum().backward()
        optimizer.step()
        return model, optimizer

    footprint = _end(program)

    assert footprint.end.parameters == 2 * 8 * 8 * 4
    assert footprint.end.gradients == 2 * 8 * 8 * 4
    assert footprint.end.optimizer_states == 2 * 8 * 8 * 4


def test_an_older_batch_that_is_first_seen_through_a_view_is_an_input_with_its_whole_storage() -> None:
    batches, model = torch.randn(100, 8), nn.Linear(8, 8)

    footprint = MemTracker().run(lambda: model(batches[4:8]).sum().backward())

    assert footprint.peak.inputs == batches.nbytes


def test_older_parameters_that_are_first_seen_through_views_count_once() -> None:
    flat, model = torch.randn(72), nn.Linear(8, 8)
    model.weight.data, model.bias.data = flat[:64].view(8, 8), flat[64:]

    footprint = MemTracker().run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert footprint.end.parameters == flat.nbytes


def _built() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))


def _built_without_memory() -> nn.Module:
    with torch.device("meta"):
        model = _built()
    return model.to_empty(device="cpu")


@pytest.mark.parametrize(
    "build",
    [_built_without_memory, lambda: _built().bfloat16(), lambda: copy.deepcopy(_built()).double()],
    ids=["to_empty", "bfloat16", "deepcopy, then double"],
)
def test_a_model_that_moves_before_it_ever_ran_is_parameters_and_buffers(build: Callable[[], nn.Module]) -> None:
    built = build()

    footprint = _end(build)

    assert footprint.end.parameters == sum(each.nbytes for each in built.parameters())
    assert footprint.end.buffers == sum(each.nbytes for each in built.buffers())
    assert footprint.end.total == footprint.end.parameters + footprint.end.buffers


@pytest.mark.parametrize("micro_batches", [2, 4])
def test_one_forward_one_backward_holds_two_micro_batches_and_no_more(micro_batches: int) -> None:
    model, x = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1)), torch.randn(512, 8)

    def step() -> None:
        waiting = [model(x).sum()]
        for _ in range(micro_batches - 1):
            waiting.append(model(x).sum())
            waiting.pop(0).backward()
        waiting.pop().backward()
        model.zero_grad()

    def sequential() -> None:
        model(x).sum().backward()
        model.zero_grad()

    footprint, alone = MemTracker().run(step), MemTracker().run(sequential)

    order = ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")
    assert footprint.backward == order * micro_batches
    assert footprint.forward == ("Sequential", "Sequential.0", "Sequential.1", "Sequential.2") * micro_batches
    assert footprint.end == alone.end
    kept = alone.saved.bytes()
    assert kept == 512 * 32 * 4
    assert kept <= footprint.peak.activations - alone.peak.activations < 2 * kept


def test_retaining_a_graph_twice_makes_gradients_once() -> None:
    model, x = nn.Linear(8, 8), torch.randn(4, 8)
    parameters = sum(parameter.nbytes for parameter in model.parameters())

    def step() -> None:
        loss = model(x).square().sum()
        loss.backward(retain_graph=True)
        loss.backward(retain_graph=True)
        loss.backward()

    footprint = MemTracker().run(step)

    assert footprint.backward == ("Linear",) * 3
    assert footprint.end.gradients == parameters
    assert footprint.growth.total == parameters
    assert footprint.saved.bytes() == 4 * 8 * 4


def test_autograd_grad_gives_gradients_of_parameters_to_the_caller() -> None:
    model, x = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)), torch.randn(4, 8)
    parameters = list(model.parameters())

    footprint = _end(lambda: torch.autograd.grad(model(x).sum(), parameters))

    assert footprint.end.gradients == sum(parameter.nbytes for parameter in parameters)
    assert footprint.backward == ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")


def test_temporaries_of_an_optimizer_step_are_named_by_it() -> None:
    model = nn.Linear(64, 64)
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    model(torch.ones(2, 64)).sum().backward()

    footprint = MemTracker().run(optimizer.step, warmup=1)

    made = [group for group in footprint.at_peak if group.ref_type is RefType.TEMPORARY]
    assert made
    assert {group.fqn for group in made} == {"optimizer step"}
    assert str(made[0]).startswith("temporaries of optimizer step: ")


def test_temporaries_outside_modules_and_steps_are_named_by_nobody() -> None:
    def work() -> None:
        (torch.ones(4096) + 1).sum().item()

    made = [group for group in MemTracker().run(work).at_peak if group.ref_type is RefType.TEMPORARY]
    assert {group.fqn for group in made} <= {""}
