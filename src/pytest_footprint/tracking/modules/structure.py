"""What a model's ``state_dict`` holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.modules.names import ModuleNames
from pytest_footprint.tracking.storages.owners import hint, storages


def structure(model: nn.Module) -> Structure:
    """Names, shapes and dtypes of ``model.state_dict()`` in order, and which of them share their memory."""
    state = model.state_dict(keep_vars=True)
    return _structure((name, tensor) for name, tensor in state.items() if isinstance(tensor, torch.Tensor))


def structure_of_roots(names: ModuleNames, trace: Trace) -> Structure:
    """The same for all models that took part, under their FQNs, without calling their state_dict hooks."""
    roots = [(module, trace.module_fqn(row)) for module, row in names.all() if trace.module_parent[row] < 0]
    return _structure(entry for root, fqn in roots for entry in _registered(root, fqn))


def _registered(module: nn.Module, prefix: str, around: tuple[int, ...] = ()) -> Iterator[tuple[str, torch.Tensor]]:
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield f"{prefix}.{name}", parameter
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield f"{prefix}.{name}", buffer
    around = (*around, id(module))
    for name, child in module._modules.items():
        if child is not None and id(child) not in around:  # a child may know its parent
            yield from _registered(child, f"{prefix}.{name}", around)


def _structure(entries: Iterable[tuple[str, torch.Tensor]]) -> Structure:
    specs: list[TensorSpec] = []
    same: dict[tuple[object, ...], list[str]] = {}
    for name, tensor in entries:
        try:
            shape = tuple(size if type(size) is int else hint(size) for size in tensor.shape)
        except RuntimeError:  # a lazy parameter has no shape yet
            shape = ()
        specs.append(TensorSpec(name, shape, str(tensor.dtype).removeprefix("torch.")))
        memory = tuple(id(owner) for owner, _ in storages(tensor))
        if memory and tensor.numel():
            same.setdefault((memory, tensor.storage_offset(), shape), []).append(name)
    return Structure(tuple(specs), tuple(tuple(group) for group in same.values() if len(group) > 1))
