from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.distributed import distributed_c10d
from torch.distributed.device_mesh import DeviceMesh, _mesh_resources, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.fsdp._fully_shard import _fsdp_param
from torch.distributed.fsdp._fully_shard._fsdp_common import _chunk_with_empty
from torch.distributed.tensor import DTensor, Shard, empty
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from pytest_footprint import FakeWorld
from pytest_footprint.tracking.distributed.fake_world import ProcessGroupExistsError
from pytest_footprint.tracking.distributed.internals import SPLITTER
from pytest_footprint.tracking.distributed.shards import Shards
from pytest_footprint.tracking.fake_tensors import FakeTensors


def what_torch_keeps() -> tuple[object, ...]:
    names = ("_backend", "_default_pg_init_method", "_group_count")
    return (
        dist.is_initialized(),
        *(getattr(distributed_c10d, name) for name in names),
        dict(distributed_c10d._world.pg_map),
        list(_mesh_resources.mesh_stack),
        sys.excepthook,
        getattr(_fsdp_param, SPLITTER),
    )


def shapes(model: nn.Module) -> list[torch.Size]:
    return [parameter.to_local().shape for parameter in model.parameters() if isinstance(parameter, DTensor)]


def test_the_process_is_one_rank_of_the_world() -> None:
    with FakeWorld(64, rank=3) as world:
        assert (dist.get_world_size(), dist.get_rank(), dist.get_backend()) == (64, 3, "fake")
        assert (world.size, world.rank) == (64, 3)
        assert dist.new_group([2, 3]).size() == 2


@pytest.mark.parametrize("ends_itself", [False, True], ids=["left open", "ended by the program"])
def test_torch_is_as_before_also_after_a_failure(*, ends_itself: bool) -> None:
    before = what_torch_keeps()

    def fails(world: FakeWorld) -> None:
        mesh = world.mesh(("dp", "tp"), (2, 4))
        mesh.__enter__()
        fully_shard(nn.Linear(8, 8), mesh=mesh["dp"])
        if ends_itself:
            dist.destroy_process_group()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), FakeWorld(8) as world:
        fails(world)

    assert what_torch_keeps() == before


def test_a_group_that_the_program_made_instead_is_left_to_it(tmp_path: Path) -> None:
    with FakeWorld(8):
        dist.destroy_process_group()
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)

    try:
        assert dist.get_backend() == "gloo"
    finally:
        dist.destroy_process_group()


def test_beside_another_group_it_refuses_and_touches_nothing(tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        before = what_torch_keeps()

        with pytest.raises(ProcessGroupExistsError) as refused, FakeWorld(64):
            pass

        assert what_torch_keeps() == before
        dist.all_reduce(torch.ones(1))
    finally:
        dist.destroy_process_group()
    assert str(refused.value) == (
        "a fake world of 64 ranks needs this process to have no process group, and there is one:"
        " backend gloo, rank 0 of 1.\n"
        "It is untouched. End it first (torch.distributed.destroy_process_group()), perhaps in the fixture or the test"
        " that made it."
    )


@pytest.mark.parametrize(("size", "rank"), [(0, 0), (4, 4), (4, -1)])
def test_a_rank_that_is_none_is_refused(size: int, rank: int) -> None:
    with pytest.raises(ValueError, match=f"a world of {size} has no rank {rank}"):
        FakeWorld(size, rank)


def test_a_mesh_has_names_and_takes_all_ranks() -> None:
    with FakeWorld(64, rank=13) as world:
        mesh = world.mesh(("dp", "tp"), (8, 8))

        assert (mesh["dp"].size(), mesh.get_coordinate()) == (8, (1, 5))
        assert (world.mesh().size(), world.mesh().mesh_dim_names) == (64, ("dp",))
        with pytest.raises(ValueError, match=r"a mesh of dp x tp over 64 ranks needs a shape of 2 numbers whose prod"):
            world.mesh(("dp", "tp"))
        with pytest.raises(ValueError, match=r"whose product is 64, not \(8, 4\)"):
            world.mesh(("dp", "tp"), (8, 4))


def test_in_a_plain_fake_mode_a_mesh_has_numbers_too() -> None:
    with FakeWorld(4) as world, FakeTensorMode():
        mesh = world.mesh()

    assert mesh.mesh.tolist() == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")  # of views, which is torch's habit with DTensor inside
def test_meshes_can_be_made_sliced_and_flattened_among_fake_tensors() -> None:
    with FakeWorld(64, rank=13), FakeTensors():
        mesh = init_device_mesh("cpu", (8, 8), mesh_dim_names=("dp", "tp"))
        flat, listed = mesh._flatten("all"), DeviceMesh("cpu", [[0, 13]])
        model = nn.Sequential(nn.Linear(64, 128), nn.Linear(128, 64))
        parallelize_module(model, mesh["tp"], {"0": ColwiseParallel(), "1": RowwiseParallel()})
        fully_shard(model, mesh=mesh["dp"])
        model(torch.randn(4, 64)).sum().backward()

        assert (flat.size(), listed.get_coordinate(), mesh["tp"].get_local_rank()) == (64, (0, 1), 5)
        assert shapes(model) == [(2, 64), (2,), (8, 16), (8,)]
        assert isinstance(torch.ones(2), FakeTensor)


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # torch does, in copy.deepcopy
def test_a_copied_fake_module_stays_in_the_mode_of_its_test() -> None:
    with FakeTensors() as mode:
        model = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)  # its layers are copies of one
        model(torch.randn(2, 5, 16), torch.randn(2, 4, 16)).sum().backward()

    parameters = list(model.parameters())
    assert all(isinstance(each, FakeTensor) and each.fake_mode is mode for each in parameters)


def test_what_one_rank_has_found_does_not_reach_the_next() -> None:
    found = []
    for rank in (0, 7):
        with FakeWorld(8, rank) as world:
            doubled = empty(10, 4, device_mesh=world.mesh(), placements=[Shard(0)]) * 2
            assert isinstance(doubled, DTensor)
            found.append((doubled.device_mesh.get_coordinate(), doubled.to_local().shape))

    assert found == [((0,), (2, 4)), ((7,), (0, 4))]


@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    count=st.integers(1, 12),
    at=st.integers(0, 2),
    data=st.data(),
)
def test_a_shard_is_what_torch_makes_of_it(sizes: list[int], count: int, at: int, data: st.DataObject) -> None:
    tensor, dim = torch.arange(float(torch.Size(sizes).numel())).view(sizes), min(at, len(sizes) - 1)
    index = data.draw(st.integers(-count, count - 1))

    ours, torchs = Shards(tensor, count, dim), _chunk_with_empty(tensor, count, dim)

    assert len(ours) == len(torchs)
    one, other = ours[index], torchs[index]
    assert (one.shape, one.stride(), one.storage_offset()) == (other.shape, other.stride(), other.storage_offset())
    assert torch.equal(one, other)


def test_fully_shard_makes_few_views_of_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, get = [], Shards.__getitem__

    def counted(shards: Shards, index: int) -> torch.Tensor:
        taken.append(index)
        return get(shards, index)

    monkeypatch.setattr(Shards, "__getitem__", counted)

    with FakeWorld(1024, rank=1000) as world, FakeTensors():
        model = nn.Linear(1001, 1001, bias=False)
        fully_shard(model, mesh=world.mesh())

    assert 0 < len(taken) < 10
    assert shapes(model) == [(1, 1001)]


def test_importing_the_trackers_does_not_load_fsdp() -> None:
    code = "import sys, pytest_footprint.tracking; sys.exit('torch.distributed.fsdp' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)
