"""Tensor parallel training on a world that is not there: what this rank holds is what counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.distributed as dist
from allocator import measure
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.testing._internal.distributed.fake_pg import FakeStore

from pytest_footprint.tracking import MemTracker


@pytest.fixture
def mesh() -> Iterator[DeviceMesh]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=4)
    yield init_device_mesh("cpu", (4,))
    dist.destroy_process_group()


def _step(mesh: DeviceMesh) -> Callable[[], None]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))
    parallelize_module(model, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})
    optimizer, x = torch.optim.AdamW(model.parameters()), torch.randn(8, 64)

    def step() -> None:
        model(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def test_tensor_parallel_training_counts_to_the_byte(mesh: DeviceMesh) -> None:
    _step(mesh)()  # DTensor works out its shapes once and remembers them
    truth = measure(_step(mesh))

    footprint = MemTracker().run(_step(mesh))

    assert abs(footprint.peak.total - footprint.start.total - truth.peak_at_operator_ends) <= 8
    assert footprint.end.total - footprint.start.total == truth.end


def test_working_out_shapes_is_not_memory(mesh: DeviceMesh) -> None:
    first = MemTracker().run(_step(mesh))
    second = MemTracker().run(_step(mesh))

    assert first.peak == second.peak


def test_local_shards_are_parameters_gradients_and_states(mesh: DeviceMesh) -> None:
    step, shard = _step(mesh), (64 * 64 + 64 + 64 * 64 + 64) * 4

    footprint = MemTracker().run(step, warmup=1)

    assert footprint.start.parameters == footprint.peak.gradients == shard
    assert footprint.start.optimizer_states == 2 * shard + 4 * 4
    assert footprint.backward == ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")
