"""Memory that no operator makes: storages that Python code makes or resizes, and tensors that are unpickled."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch

from pytest_footprint.tracking.patches import rebuilt_tensors_reported_to, resizes_reported_to, storages_reported_to
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import owner_nbytes


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
    """Record what ``copy.deepcopy`` of a tensor, ``torch.UntypedStorage``, its ``resize_`` and ``torch.load`` do."""

    def made(storage: torch.UntypedStorage) -> None:
        changed(storage, _bytes(storage), 0, "torch.UntypedStorage")

    def resized(storage: torch.UntypedStorage, before: int) -> None:
        changed(storage, _bytes(storage), before, "torch.UntypedStorage.resize_")

    def rebuilt(tensor: torch.Tensor) -> None:
        changed(tensor.untyped_storage(), tensor, 0, "torch.load")

    def changed(storage: torch.UntypedStorage, plain: torch.Tensor, before: int, name: str) -> None:
        found = recorder.live.by_id.get(id(storage))
        if found is not None:
            recorder.live.check_size(storage, found)
            return
        if owner_nbytes(storage) == before:
            return
        state = recorder.state()
        recorder.follow(state)
        op = recorder.trace.ops.number(name)
        recorder.live.add_resized(before, storage, plain, op, state.scope, recorder.phase_now(state), -1)

    with storages_reported_to(made), resizes_reported_to(resized), rebuilt_tensors_reported_to(rebuilt):
        yield


def _bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    size = torch.Size((storage.nbytes(),))
    return cast("torch.Tensor", _Bytes(storage.device, size, is_cpu=storage.device.type == "cpu"))
