"""The row of a storage that was not known: part of the hot path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pytest_footprint.trace.events import CODE_BITS, Event
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.storages.layouts import Layouts
from pytest_footprint.tracking.storages.owners import Owner, hint, owner_nbytes
from pytest_footprint.tracking.storages.tracked import Tracked

_CODE_BITS = CODE_BITS
assert not Event.BORN  # noqa: S101 - so that its event is the row alone
_CUDA_BLOCK = 512
"""The CUDA caching allocator rounds every request up to this many bytes (kMinBlockSize, c10/cuda)."""

Add = Callable[[Owner, torch.Tensor, int, int, int, int], Tracked | None]
"""(what holds the memory, a plain tensor on it, operator, scope, phase, source) -> None for meta tensors."""


def in_blocks(size: int) -> int:
    """The bytes that CUDA's caching allocator counts for a request of ``size``."""
    return -(-size // _CUDA_BLOCK) * _CUDA_BLOCK


def adder(trace: Trace, by_id: dict[int, Tracked], freed: Any, layouts: Layouts, blockwise: set[int]) -> Add:
    """A function that writes the row of a storage and knows it as alive. It holds columns, and so is in no cycle.

    It puts the devices of CUDA into ``blockwise``: the storage of a fake tensor says only that it is on ``meta``.
    """
    cpu = trace.devices.number("cpu")
    devices: dict[torch.device, int] = {}
    sizes, known_layout, number = trace.nbytes, layouts.known.get, layouts.number
    storage_type = torch.UntypedStorage
    add_size, add_device, add_op, add_scope = sizes.append, trace.device.append, trace.op.append, trace.scope.append
    add_phase, add_layout, add_source = trace.phase.append, trace.layout.append, trace.source.append
    add_event = trace.events.append

    def device_of(plain: torch.Tensor) -> int:
        device = plain.device
        found = devices.get(device)
        if found is None:
            found = devices[device] = -1 if device.type == "meta" else trace.devices.number(str(device))
            if device.type == "cuda":
                blockwise.add(found)
        return found

    def add(  # noqa: PLR0913, PLR0917 - the columns of a row
        owner: Owner, plain: torch.Tensor, op: int, scope: int, phase: int, source: int
    ) -> Tracked | None:
        if plain.is_cpu:
            device, size = cpu, owner.nbytes() if type(owner) is storage_type else owner_nbytes(owner)
            if type(size) is not int:
                size = hint(size)
        else:
            device = device_of(plain)
            if device < 0:
                return None
            size = owner_nbytes(owner)
            if device in blockwise:
                size = in_blocks(size)
        found = Tracked(owner, freed)
        key = found.key = id(owner)
        row = found.storage = len(sizes)
        found.nbytes = size
        found.rank = 0
        by_id[key] = found
        add_size(size)
        add_device(device)
        add_op(op)
        add_scope(scope)
        add_phase(phase)
        try:
            layout = known_layout((plain.shape, plain.dtype))
        except (TypeError, RuntimeError):  # as `Layouts.number` says
            layout = None
        add_layout(number(plain) if layout is None else layout)
        add_source(source)
        add_event(row << _CODE_BITS)
        return found

    return add
