"""`FakeWorld`: a process group of any size, of which this process is the only rank that exists."""

from __future__ import annotations

from contextlib import ExitStack
from math import prod
from typing import Self

import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.utils._python_dispatch import _disable_current_modes

from pytest_footprint.tracking.distributed.globals import distributed_globals_restored
from pytest_footprint.tracking.distributed.shards import one_shard_at_a_time


class ProcessGroupExistsError(RuntimeError):
    """The process has a default process group, and it can have one only."""


class FakeWorld:
    """The default process group of this process while the context is open: torch's backend ``fake``.

    Collectives return at once and move nothing, so memory is that of the rank, and values are not. What
    torch.distributed keeps for the process is afterwards as it was before.

    Args:
        size: ranks in the world, 1 or more.
        rank: which of them this process is.

    Raises:
        ValueError: ``rank`` is none of the ranks, or there are none.
        ProcessGroupExistsError: on entering, when there is a default process group, which stays as it is.
    """

    def __init__(self, size: int, rank: int = 0) -> None:
        if size < 1 or not 0 <= rank < size:
            msg = f"a world of {size} has no rank {rank}"
            raise ValueError(msg)
        self.size, self.rank = size, rank
        self._undo = ExitStack()

    def __repr__(self) -> str:
        return f"FakeWorld({self.size}, rank={self.rank})"

    def check(self) -> None:
        """Do nothing, if this world can be entered.

        Raises:
            ProcessGroupExistsError: there is a default process group.
        """
        if dist.is_initialized():
            raise ProcessGroupExistsError(_exists(self.size))

    def __enter__(self) -> Self:
        self.check()
        with ExitStack() as undo:
            undo.enter_context(distributed_globals_restored())
            undo.enter_context(one_shard_at_a_time())
            dist.init_process_group("fake", rank=self.rank, world_size=self.size)
            undo.callback(_destroy, dist.group.WORLD)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def mesh(
        self, dims: str | tuple[str, ...] = "dp", shape: tuple[int, ...] | None = None, *, device: str = "cpu"
    ) -> DeviceMesh:
        """A device mesh over all ranks: ``mesh("dp")``, ``mesh(("dp", "tp"), (8, 8))``.

        It can be made inside FakeTensorMode too, and no tracker counts it.

        Args:
            dims: the name of each dimension.
            shape: ranks along each dimension; one dimension takes all of them.
            device: the type of the devices, as for `init_device_mesh`.

        Raises:
            ValueError: dimensions without a shape, or a shape that is not one number for each or does not hold the
                world.
        """
        names = (dims,) if isinstance(dims, str) else tuple(dims)
        if shape is None and len(names) == 1:
            shape = (self.size,)
        if shape is None or len(shape) != len(names) or prod(shape) != self.size:
            msg = (
                f"a mesh of {' x '.join(names)} over {self.size} ranks needs a shape of {len(names)}"
                f" number{'s' * (len(names) > 1)} whose product is {self.size}, not {shape}"
            )
            raise ValueError(msg)
        with _disable_current_modes():  # its tensors of ranks have values, and are no memory of the program
            return init_device_mesh(device, shape, mesh_dim_names=names)


def _destroy(group: object) -> None:
    """End the world, unless the program has done so itself; a group that it made since is its own to end."""
    if group is not None and dist.group.WORLD is group:
        dist.destroy_process_group()


def _exists(size: int) -> str:
    return (
        f"a fake world of {size} ranks needs this process to have no process group, and there is one:"
        f" backend {dist.get_backend()}, rank {dist.get_rank()} of {dist.get_world_size()}.\n"
        "It is untouched. End it first (torch.distributed.destroy_process_group()), perhaps in the fixture or the test"
        " that made it."
    )
