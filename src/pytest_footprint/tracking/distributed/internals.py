"""The private names of torch.distributed that a fake world uses: loaded when one starts, as that takes a second."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from torch.distributed import device_mesh, distributed_c10d
from torch.distributed.fsdp._fully_shard import _fsdp_param
from torch.distributed.tensor import _random, _redistribute, debug

C10D: ModuleType = distributed_c10d
C10D_GLOBALS = ("_backend", "_default_pg_init_method")
"""What `init_process_group` sets there and `destroy_process_group` leaves."""
MESH_STACK: Any = device_mesh._mesh_resources.mesh_stack
"""The meshes that ``with mesh:`` has entered, in this thread."""
DTENSOR_RANDOM: ModuleType = _random
DTENSOR_RANDOM_GLOBAL = "_rng_tracker"
FSDP_PARAM: ModuleType = _fsdp_param
SPLITTER = "_chunk_with_empty"
"""The function there that `fully_shard` splits parameters with; ``(tensor, num_chunks, dim)`` -> all chunks."""


def forget_meshes() -> None:
    """Clear what DTensor keeps by mesh.

    The meshes of two ranks are equal, and what it found for the one is wrong for the other.
    """
    debug._clear_sharding_prop_cache()
    _redistribute.clear_redistribute_planner_cache()
