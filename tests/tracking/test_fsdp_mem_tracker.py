from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore

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
    nbytes = sum(p.nbytes for p in model.parameters())
    assert row["Unsharded Param"] == row["Unsharded Grad"] == row["OptState"] == nbytes


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
        assert tracker.get_tracker_snapshot()[CPU]["Inputs"] == first.nbytes + second.nbytes
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

    sizes = [sum(p.nbytes for p in whole), sum(p.to_local().nbytes for p in sharded)]
    counters = 4 * (len(whole) + len(sharded))  # Adam's "step"
    assert [now["Unsharded Param"], now["Sharded Param"]] == sizes
    assert [now["Unsharded Grad"], now["Sharded Grad"]] == sizes
    assert now["OptState"] == 2 * sum(sizes) + counters
