"""Memory that no operator makes: storages that Python code makes, and tensors that are unpickled."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch

from pytest_footprint.tracking.patches import rebuilt_tensors_reported_to, storages_reported_to
from pytest_footprint.tracking.recorder import Recorder


@dataclass(frozen=True)
class _Bytes:
    """What `LiveStorages.add` wants to know of the tensor on a storage, where there is no tensor yet."""

    device: torch.device
    shape: torch.Size
    is_cpu: bool
    dtype: torch.dtype = torch.uint8
    is_nested: bool = False


@contextmanager
def bare_storages_recorded(recorder: Recorder) -> Generator[None]:
    """Record what ``copy.deepcopy`` of a tensor, ``torch.UntypedStorage`` and ``torch.load`` allocate."""

    def made(storage: torch.UntypedStorage) -> None:
        if id(storage) in recorder.live.by_id:
            return
        size = torch.Size((storage.nbytes(),))
        add(storage, _Bytes(storage.device, size, is_cpu=storage.device.type == "cpu"), "torch.UntypedStorage")

    def rebuilt(tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if id(storage) not in recorder.live.by_id:
            add(storage, tensor, "torch.load")

    def add(storage: torch.UntypedStorage, plain: Any, name: str) -> None:
        state = recorder.state()
        recorder.follow(state)
        op = recorder.trace.ops.number(name)
        recorder.live.add(storage, cast("torch.Tensor", plain), op, state.scope, recorder.phase_now(state), -1)

    with storages_reported_to(made), rebuilt_tensors_reported_to(rebuilt):
        yield
