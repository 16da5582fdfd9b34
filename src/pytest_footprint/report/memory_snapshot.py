"""Lifetimes in the form of torch's memory snapshots, which pytorch.org/memory_viz and ``torch.cuda._memory_viz`` read.

The form is that of `torch.cuda.memory._snapshot` in torch 2.13. What no allocator was asked for is made up: addresses.
A tensor gets the place of an earlier one of its size that is free, or else the next one behind all others.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from pytest_footprint.model.lifetimes import Lifetime, Lifetimes

_PROTOCOL = 4
"""memory_viz reads none above."""
_START = 1 << 32
_NO_FILE = "module"

_Frames: TypeAlias = list[dict[str, Any]]


def memory_snapshot_bytes(lifetimes: Lifetimes) -> bytes:
    """The pickle of `memory_snapshot`."""
    return pickle.dumps(memory_snapshot(lifetimes), protocol=_PROTOCOL)


def memory_snapshot(lifetimes: Lifetimes) -> dict[str, Any]:
    """Segments, blocks and the trace of each device, as plain dicts and lists.

    An accelerator has its own index, the CPU the first one that is free: 0 without accelerators. ``footprint_devices``
    names them.
    """
    by_device = {device: list(each) for device, each in groupby(sorted(lifetimes.tensors, key=_device), key=_device)}
    index = device_indices(by_device)
    traces: list[list[dict[str, Any]]] = [[] for _ in range(max(index.values(), default=-1) + 1)]
    segments, stacks = [], _Stacks()
    for device, tensors in by_device.items():
        entries, blocks, size = _simulated(tensors, lifetimes.last, stacks)
        traces[index[device]] = entries
        segments.append(_segment(index[device], blocks, size))
    return {
        "segments": segments,
        "device_traces": traces,
        "footprint_devices": {number: device for device, number in index.items()},
    }


def device_indices(devices: Iterable[str]) -> dict[str, int]:
    """``cuda:1`` is 1; what has no index of its own, such as ``cpu``, gets those that are free."""
    found: dict[str, int] = {}
    for device in sorted(devices, key=lambda each: (":" not in each, each)):
        own = device.partition(":")[2]
        free = next(number for number in range(len(found) + 1) if number not in found.values())
        found[device] = int(own) if own and int(own) not in found.values() else free
    return found


def _device(tensor: Lifetime) -> str:
    return tensor.device


def _moments(tensors: Sequence[Lifetime], last: int) -> Iterator[tuple[bool, int]]:
    """Births and deaths in the order in which they happened: whether it is a birth, and which tensor."""
    happened = [(each.born, 1, number) for number, each in enumerate(tensors)]
    happened += [(each.freed, 0, number) for number, each in enumerate(tensors) if each.freed < last]
    return ((birth == 1, number) for _, birth, number in sorted(happened))


@dataclass(frozen=True, slots=True)
class _Block:
    """A place in the made-up memory, and what is there at the end."""

    size: int
    frames: _Frames | None = None
    """None when it is free."""


def _simulated(
    tensors: Sequence[Lifetime], last: int, stacks: _Stacks
) -> tuple[list[dict[str, Any]], dict[int, _Block], int]:
    """Entries of the trace, address -> block, and the size of all blocks."""
    entries: list[dict[str, Any]] = []
    blocks: dict[int, _Block] = {}
    free: dict[int, list[int]] = {}
    address: dict[int, int] = {}
    end = _START
    for birth, number in _moments(tensors, last):
        tensor = tensors[number]
        size = int(tensor.nbytes)
        common = {"size": size, "stream": 0, "frames": stacks.of(tensor)}
        if birth:
            if not (again := free.get(size)):
                again = [end]
                end += size
            at = address[number] = again.pop()
            blocks[at] = _Block(size, stacks.of(tensor))
            entries.append({"action": "alloc", "addr": at, "category": tensor.ref_type.value, **common})
        else:
            at = address.pop(number)
            blocks[at] = _Block(size)
            free.setdefault(size, []).append(at)
            entries += [{"action": action, "addr": at, **common} for action in ("free_requested", "free_completed")]
    # memory_viz takes "unknown" for granted where there are categories at all.
    entries.append({"action": "snapshot", "addr": 0, "size": 0, "stream": 0, "frames": [], "category": "unknown"})
    return entries, blocks, end - _START


def _segment(device: int, blocks: Mapping[int, _Block], size: int) -> dict[str, Any]:
    used = sum(block.size for block in blocks.values() if block.frames is not None)
    return {
        "device": device,
        "address": _START,
        "total_size": size,
        "allocated_size": used,
        "active_size": used,
        "requested_size": used,
        "stream": 0,
        "segment_type": "large",
        "segment_pool_id": (0, 0),
        "is_expandable": False,
        "frames": [],
        "blocks": [
            {
                "address": at,
                "size": block.size,
                "requested_size": block.size,
                "state": "inactive" if block.frames is None else "active_allocated",
                "frames": block.frames or [],
            }
            for at, block in sorted(blocks.items())
        ],
    }


class _Stacks:
    """Frames, innermost first: the operator at the user's line, the modules around it, what the tensor is.

    The same list for tensors that are alike, so that a pickle has it once.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Frames] = {}

    def of(self, tensor: Lifetime) -> _Frames:
        """The frames of one tensor."""
        key = (tensor.source, tensor.op, tensor.shape, tensor.dtype, tensor.fqn, tensor.ref_type)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _frames(tensor)
        return found


def _frames(tensor: Lifetime) -> _Frames:
    shape = ", ".join(map(str, tensor.shape))
    what = f"{tensor.op or 'older than the recording'} -> {tensor.dtype}[{shape}]"
    file, _, line = (tensor.source or "").rpartition(":")
    parts = tensor.fqn.split(".") if tensor.fqn else []
    return [
        _frame(file or "-", int(line) if line.isdecimal() else 0, what),
        *(_frame(_NO_FILE, 0, ".".join(parts[:depth])) for depth in range(len(parts), 0, -1)),
        _frame("reference type", 0, tensor.ref_type.value),
    ]


def _frame(filename: str, line: int, name: str) -> dict[str, Any]:
    return {"filename": filename, "line": line, "name": name}
