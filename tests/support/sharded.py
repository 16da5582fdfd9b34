"""Sharded models on a fake process group, and what FSDP itself holds of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, fully_shard
from torch.distributed.fsdp._fully_shard import _fsdp_common
from torch.distributed.fsdp._fully_shard._fsdp_common import FSDPMeshInfo
from torch.distributed.tensor import Shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.testing._internal.distributed.fake_pg import FakeStore

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.storages.owners import storages

WIDTH, BATCH, RANKS = 64, 16, 4
BF16 = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


@contextmanager
def fake_ranks(count: int = RANKS) -> Generator[None]:
    """A process group of which only rank 0 exists."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=count)
    try:
        yield
    finally:
        dist.destroy_process_group()


class Block(nn.Module):
    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(x)))  # type: ignore[no-any-return]


class Net(nn.Module):
    def __init__(self, blocks: int = 3, width: int = WIDTH, *, head: bool = True) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.head = nn.Linear(width, width) if head else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.head is None else self.head(x)


@dataclass
class Training:
    """A model, its optimizers, and one step of them that can be looked at on its way."""

    model: nn.Module
    parameters: list[list[nn.Parameter]] = field(default_factory=list)
    """For each optimizer; by default one has all."""
    width: int = WIDTH
    by_hand: Callable[[], object] = lambda: None
    micro_batches: Callable[[int], object] | None = None
    """Is called before each of two."""
    look: Callable[[str], object] = lambda _: None

    def __post_init__(self) -> None:
        groups = self.parameters or [[each for each in self.model.parameters() if each.requires_grad]]
        self.optimizers = [torch.optim.Adam(group, foreach=False) for group in groups]
        self.x = torch.randn(BATCH, self.width)

    def step(self) -> None:
        self.by_hand()
        for number in range(1 if self.micro_batches is None else 2):
            if self.micro_batches is not None:
                self.micro_batches(number)
            loss = self.model(self.x).float().sum()
            self.look(f"forward {number}")
            loss.backward()
            self.look(f"backward {number}")
        del loss
        for optimizer in self.optimizers:
            optimizer.step()
        self.look("step")
        for optimizer in self.optimizers:
            optimizer.zero_grad()


def mesh(*sizes: int) -> DeviceMesh:
    sizes = sizes or (RANKS,)
    return init_device_mesh("cpu", sizes, mesh_dim_names=tuple("abc"[: len(sizes)]))


def shard(net: Net, on: DeviceMesh | None = None, **options: Any) -> Net:
    """Every block on its own, and the root with what is left."""
    on = on or mesh()
    for block in net.blocks:
        fully_shard(block, mesh=on, **options)
    fully_shard(net, mesh=on, **options)
    return net


def _prefetching(forward: int, backward: int) -> Training:
    net = shard(Net())
    blocks: list[Any] = [*net.blocks]
    for at, block in enumerate(blocks):
        block.set_modules_to_forward_prefetch(blocks[at + 1 : at + 1 + forward])
        block.set_modules_to_backward_prefetch(blocks[max(0, at - backward) : at][::-1])
    return Training(net)


def _checkpointed(where: str) -> Training:
    net = Net()
    if where == "inside":
        net.blocks = nn.ModuleList(map(checkpoint_wrapper, net.blocks))
    for block in net.blocks:
        fully_shard(block, mesh=mesh())
    if where == "outside":
        net.blocks = nn.ModuleList(map(checkpoint_wrapper, net.blocks))
    fully_shard(net, mesh=mesh())
    return Training(net)


def _tensor_parallel() -> Training:
    on, net = mesh(2, 2), Net()
    for block in net.blocks:
        parallelize_module(block, on["b"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
    return Training(shard(net, on["a"]))


def _without_sync() -> Training:
    model: Any = shard(Net(), mp_policy=BF16)
    return Training(model, micro_batches=lambda number: model.set_requires_gradient_sync(number == 1))


def _without_all_reduce() -> Training:
    model: Any = shard(Net(), mesh(2, 2))
    return Training(model, micro_batches=lambda number: model.set_requires_all_reduce(number == 1))


def _by_hand() -> Training:
    model: Any = shard(Net())

    def gather() -> None:
        model.unshard()
        for block in model.blocks:
            block.unshard()
        model.blocks[2].reshard()

    return Training(model, by_hand=gather)


def _group() -> Training:
    net = Net()
    fully_shard([net.blocks[0], net.blocks[1]], mesh=mesh())
    fully_shard(net, mesh=mesh())
    return Training(net)


def _two_groups() -> Training:
    net = Net()
    four, two = FSDPMeshInfo(mesh(), 0), FSDPMeshInfo(mesh(2, 2)["b"], 0)
    ups = {parameter for block in net.blocks for parameter in block.up.parameters()}  # type: ignore[union-attr]

    def placement(parameter: nn.Parameter) -> Any:
        return _fsdp_common.ShardPlacementResult(Shard(0), two if parameter in ups else four)

    for block in net.blocks:
        fully_shard(block, mesh=mesh(), shard_placement_fn=placement)
    fully_shard(net, mesh=mesh())
    return Training(net)


def _ignored() -> Training:
    net = Net()
    whole = [*net.blocks[0].parameters()]
    for block in net.blocks[1:]:
        fully_shard(block, mesh=mesh())
    fully_shard(net, mesh=mesh(), ignored_params=set(whole))
    sharded = [each for each in net.parameters() if not any(each is one for one in whole)]
    return Training(net, [whole, sharded])


def _frozen(blocks: slice) -> Training:
    net = Net()
    for block in net.blocks[blocks]:
        block.requires_grad_(requires_grad=False)
    return Training(shard(net))


class _Lora(nn.Module):
    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.a, self.b = nn.Linear(base.in_features, 4, bias=False), nn.Linear(4, base.out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.b(self.a(x))  # type: ignore[no-any-return]


def _lora() -> Training:
    net = Net()
    for block in net.blocks:
        block.up, block.down = _Lora(block.up), _Lora(block.down)  # type: ignore[arg-type]
    return Training(shard(net))


def _two_optimizers() -> Training:
    net = shard(Net())
    assert net.head is not None
    return Training(net, [[*net.blocks.parameters()], [*net.head.parameters()]])


TRAININGS: dict[str, Callable[[], Training]] = {
    "plain": lambda: Training(shard(Net())),
    "not resharded after forward": lambda: Training(shard(Net(), reshard_after_forward=False)),
    "resharded to 2": lambda: Training(shard(Net(), reshard_after_forward=2)),
    "bfloat16": lambda: Training(shard(Net(), mp_policy=BF16)),
    "bfloat16, reduced so": lambda: Training(shard(Net(), mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))),
    "HSDP": lambda: Training(shard(Net(), mesh(2, 2))),
    "HSDP without all-reduce": _without_all_reduce,
    "CPU offload": lambda: Training(shard(Net(), offload_policy=CPUOffloadPolicy(pin_memory=False))),
    "tensor parallel": _tensor_parallel,
    "checkpoint inside": lambda: _checkpointed("inside"),
    "checkpoint outside": lambda: _checkpointed("outside"),
    "prefetched": lambda: _prefetching(2, 2),
    "without sync": _without_sync,
    "by hand": _by_hand,
    "one group of two modules": _group,
    "two groups in one module": _two_groups,
    "root without parameters": lambda: Training(shard(Net(head=False))),
    "ignored parameters": _ignored,
    "first block frozen": lambda: _frozen(slice(0, 1)),
    "last blocks frozen": lambda: _frozen(slice(1, 3)),
    "LoRA": _lora,
    "two optimizers": _two_optimizers,
    "uneven": lambda: Training(shard(Net(width=30)), width=30),
    "sharded on dimension 1": lambda: Training(shard(Net(), shard_placement_fn=lambda p: Shard(p.ndim - 1))),
}


if not hasattr(_fsdp_common, "ShardPlacementResult"):  # one group for each module before torch 2.12
    del TRAININGS["two groups in one module"]


def held_by_fsdp(model: nn.Module) -> dict[RefType, int]:
    """Bytes by what FSDP's own objects say of their tensors, each storage once."""
    states = {id(state): state for each in model.modules() if (state := _state(each))}
    found: dict[RefType, list[torch.Tensor]] = {kind: [] for kind in _KINDS}
    for state in states.values():
        for group in groups_of(state):
            _of_group(group, found)
        if state._comm_ctx.all_gather_state is not None:
            found[RefType.ALL_GATHER].append(state._comm_ctx.all_gather_state.all_gather_result.all_gather_output)
        found[RefType.REDUCE_SCATTER] += [each.reduce_scatter_input for each in _reductions(state._comm_ctx)]
    taken: set[int] = set()
    return {kind: _bytes(found[kind], taken) for kind in _KINDS}


_KINDS = (
    RefType.SHARDED_PARAMETER,
    RefType.UNSHARDED_PARAMETER,
    RefType.SHARDED_GRADIENT,
    RefType.UNSHARDED_GRADIENT,
    RefType.ALL_GATHER,
    RefType.REDUCE_SCATTER,
)


def _state(module: nn.Module) -> Any:
    get = getattr(type(module), "_get_fsdp_state", None)
    return get(module) if get else None


def groups_of(state: Any) -> list[Any]:
    """The parameter groups of one module's state: one at most before torch 2.12."""
    if hasattr(state, "_fsdp_param_groups"):
        return list(state._fsdp_param_groups)
    return [group for group in [state._fsdp_param_group] if group is not None]


def _reductions(context: Any) -> list[Any]:
    if hasattr(context, "reduce_scatter_states"):
        return list(context.reduce_scatter_states)
    return [state for state in [context.reduce_scatter_state] if state is not None]


def _of_group(group: Any, found: dict[RefType, list[torch.Tensor]]) -> None:
    for each in group.fsdp_params:
        found[RefType.SHARDED_PARAMETER].append(each.sharded_param)
        if (again := getattr(each, "_sharded_post_forward_param_data", None)) is not None:
            found[RefType.SHARDED_PARAMETER].append(again)
        found[RefType.UNSHARDED_PARAMETER] += each.all_gather_outputs
        gradients = (getattr(getattr(each, "_unsharded_param", None), "grad", None), each.unsharded_accumulated_grad)
        found[RefType.UNSHARDED_GRADIENT] += [one for one in gradients if one is not None]
        if each.sharded_param.grad is not None:
            found[RefType.SHARDED_GRADIENT].append(each.sharded_param.grad)
    if group._partial_reduce_output is not None:
        found[RefType.SHARDED_GRADIENT].append(group._partial_reduce_output)
    if group._all_gather_result is not None:
        found[RefType.ALL_GATHER].append(group._all_gather_result.all_gather_output)
    if (state := group._all_reduce_state) is not None:
        found[RefType.REDUCE_SCATTER].append(state.all_reduce_input)


def _bytes(tensors: Iterable[torch.Tensor], taken: set[int]) -> int:
    total = 0
    for tensor in tensors:
        for owner, _ in storages(tensor):
            if id(owner) not in taken:
                taken.add(id(owner))
                total += owner.nbytes() if isinstance(owner, torch.UntypedStorage) else owner.nbytes
    return total
