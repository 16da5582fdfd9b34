"""Which storages a tensor stands on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from pytest_footprint.tracking.internals import is_traceable_wrapper_subclass, unwrapped

Owner = torch.UntypedStorage | torch.Tensor
"""What memory is held by: a storage, or the tensor itself where it hides its storage (mkldnn)."""

_COMPRESSED = {torch.sparse_csr: "row", torch.sparse_bsr: "row", torch.sparse_csc: "col", torch.sparse_bsc: "col"}


PLAIN = frozenset({torch.Tensor, torch.nn.Parameter})


def plain_storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """The storage of an ordinary tensor; None where only `storages` can tell."""
    if type(tensor) not in PLAIN:
        return None
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError, ValueError):  # sparse, mkldnn, functorch, lazy
        return None


def storages(tensor: torch.Tensor) -> Iterator[tuple[Owner, torch.Tensor]]:
    """Each piece of memory below ``tensor``, with the plain tensor that stands on it."""
    if tensor.layout is torch.strided and not is_traceable_wrapper_subclass(tensor):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # no storage: functorch, lazy
            plain = unwrapped(tensor)
            yield plain.untyped_storage(), plain
        return
    for part in _parts(tensor):
        if part is tensor:
            yield tensor, tensor
        else:
            yield from storages(part)


def _parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    if is_traceable_wrapper_subclass(tensor):
        names, _ = tensor.__tensor_flatten__()
        return [part for name in names if isinstance(part := getattr(tensor, name), torch.Tensor)]
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in _COMPRESSED:
        values = tensor.values().detach()
        if _COMPRESSED[tensor.layout] == "row":
            return [tensor.crow_indices(), tensor.col_indices(), values]
        return [tensor.ccol_indices(), tensor.row_indices(), values]
    return [tensor]


def owner_nbytes(owner: Owner) -> int:
    """Bytes of one piece of memory; a symbolic size counts with its hint, without one as 0."""
    size = owner.nbytes() if isinstance(owner, torch.UntypedStorage) else owner.numel() * owner.element_size()
    return size if type(size) is int else hint(size)


def hint(size: Any) -> int:
    """A number for a symbolic size, without a guard on it."""
    node = getattr(size, "node", None)
    if node is None:
        return int(size)
    found = node.hint if node.has_hint() else None
    return found if type(found) is int else 0


def all_tensors_in(value: object) -> Sequence[torch.Tensor]:
    """`tensors_in` as a list; at once for what most modules take and return."""
    if type(value) is torch.Tensor:
        return (value,)
    if type(value) is tuple and len(value) == 1 and type(value[0]) is torch.Tensor:
        return value
    return list(tensors_in(value))


def tensors_in(value: object, depth: int = 8) -> Iterator[torch.Tensor]:
    """The tensors in nested containers, dataclasses and plain objects that modules pass around."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, str | bytes | int | float | bool | complex | torch.nn.Module) or value is None or not depth:
        return
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item, depth - 1)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from tensors_in(item, depth - 1)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name, None), depth - 1)
