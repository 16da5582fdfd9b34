from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from allocator import measure
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint.tracking import FSDPMemTracker, MemTracker

CPU = torch.device("cpu")


@pytest.fixture
def mesh() -> Iterator[DeviceMesh]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=4)
    yield init_device_mesh("cpu", (4,))
    dist.destroy_process_group()


def test_the_root_and_its_optimizer_are_known_from_the_start() -> None:
    model = nn.Linear(16, 16)
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    model(torch.ones(1, 16)).sum().backward()
    optimizer.step()

    tracker = FSDPMemTracker(model, optimizer)

    row = tracker.get_tracker_snapshot()[CPU]
    assert row["Parameter"] == row["Gradient"] == row["Optstate"] == sum(p.nbytes for p in model.parameters())


def test_it_records_as_a_mem_tracker_does() -> None:
    model, x = nn.Linear(16, 16), torch.randn(4, 16)

    with FSDPMemTracker(model) as tracker:
        for _ in range(2):
            model(x).sum().backward()

    assert isinstance(tracker, MemTracker)
    assert tracker.memory_tracking[model].mod_fqn == "Linear"
    assert tracker.footprint().peak.parameters == sum(p.nbytes for p in model.parameters())


def test_inputs_are_taken_in_from_nested_tuples() -> None:
    first, second = torch.randn(4, 16), torch.randn(8)
    tracker = FSDPMemTracker(nn.Linear(16, 16))

    tracker.track_inputs((first, {"mask": [second]}))

    with tracker:
        assert tracker.get_tracker_snapshot()[CPU]["Other"] == first.nbytes + second.nbytes
        assert tracker.footprint().peak.inputs == first.nbytes + second.nbytes


def test_what_is_not_a_module_is_refused() -> None:
    with pytest.raises(TypeError, match="FSDPMemTracker needs the root module, got list"):
        FSDPMemTracker([nn.Linear(2, 2)])  # type: ignore[arg-type]


def test_what_is_not_an_optimizer_is_refused() -> None:
    with pytest.raises(TypeError, match="FSDPMemTracker needs one optimizer or None, got list"):
        FSDPMemTracker(nn.Linear(2, 2), [])  # type: ignore[arg-type]


def test_a_plain_root_imports_no_part_of_torch_distributed_that_torch_does_not() -> None:
    program = """
import sys, torch
before = {name for name in sys.modules if name.startswith("torch.distributed")}
from pytest_footprint.tracking import FSDPMemTracker
model = torch.nn.Linear(2, 2)
with FSDPMemTracker(model) as tracker:
    model(torch.ones(1, 2)).sum().backward()
after = {name for name in sys.modules if name.startswith("torch.distributed")}
print("new:", sorted(after - before))
"""

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "new: []"


@pytest.mark.parametrize("reshard", [True, False])
@pytest.mark.parametrize("steps_before", [0, 1])
def test_sharded_training_counts_to_the_byte(mesh: DeviceMesh, steps_before: int, *, reshard: bool) -> None:
    """FSDP refills the parameters of its first step by `UntypedStorage.resize_` in all others."""

    def make() -> tuple[nn.Module, Callable[[], None]]:
        model = nn.Sequential(*[nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64)) for _ in range(3)])
        for module in (*model, model):
            fully_shard(module, mesh=mesh, reshard_after_forward=reshard)
        optimizer, x = torch.optim.Adam(model.parameters(), foreach=False), torch.randn(32, 64)

        def step() -> None:
            model(x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        for _ in range(steps_before):
            step()
        return model, step

    _, step = make()
    truth = measure(step)
    model, step = make()
    footprint = FSDPMemTracker(model).run(step)

    assert footprint.peak.total - footprint.start.total == truth.peak_at_operator_ends
    assert footprint.end.total - footprint.start.total == truth.end


class _Collectives(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.called: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.called.update([str(func)] if "c10d" in str(func) else [])
        return func(*args, **(kwargs or {}))


def test_modules_sharded_as_one_group_gather_as_often_as_without_and_train_on(mesh: DeviceMesh) -> None:
    model, x = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)), torch.randn(4, 16)
    fully_shard([model[0], model[1]], mesh=mesh)
    fully_shard(model, mesh=mesh)

    with _Collectives() as bare:
        model(x).sum().backward()
    with FSDPMemTracker(model), _Collectives() as tracked:
        model(x).sum().backward()
    with _Collectives() as after:
        model(x).sum().backward()

    assert bare.called == tracked.called == after.called
    assert bare.called.total() > 0


def test_parameters_that_are_not_sharded_and_a_second_optimizer_count_as_what_they_are(mesh: DeviceMesh) -> None:
    model, x = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16)), torch.randn(4, 16)
    whole = [*model[0].parameters()]
    fully_shard(model, mesh=mesh, ignored_params=set(whole))
    sharded = [parameter for parameter in model.parameters() if isinstance(parameter, DTensor)]
    optimizers = [torch.optim.Adam(parameters, foreach=False) for parameters in (whole, sharded)]

    with FSDPMemTracker(model, optimizers[0]) as tracker:
        model(x).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
        now = tracker.get_tracker_snapshot()[CPU]

    parameters = sum(p.nbytes for p in whole) + sum(p.to_local().nbytes for p in sharded)
    counters = 4 * (len(whole) + len(sharded))  # Adam's "step"
    assert (now["Parameter"], now["Gradient"], now["Optstate"]) == (parameters, parameters, 2 * parameters + counters)
