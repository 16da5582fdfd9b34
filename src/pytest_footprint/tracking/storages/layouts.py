"""Shapes and dtypes by number."""

from __future__ import annotations

import torch

from pytest_footprint.trace.trace import Names
from pytest_footprint.tracking.storages.owners import hint


class Layouts:
    """Gives each pair of a shape and a dtype its number in the trace."""

    def __init__(self, names: Names[tuple[tuple[int, ...], str]]) -> None:
        self._names = names
        self.known: dict[tuple[torch.Size, torch.dtype], int] = {}

    def number(self, tensor: torch.Tensor) -> int:
        """The number of a tensor's shape and dtype."""
        try:
            key = (tensor.shape, tensor.dtype)
            found = self.known.get(key)
        except (TypeError, RuntimeError):  # symbolic sizes have no hash, strided nested tensors no shape
            return self._read(tensor)
        if found is None:
            found = self.known[key] = self._read(tensor)
        return found

    def _read(self, tensor: torch.Tensor) -> int:
        sizes = (tensor.numel(),) if tensor.is_nested else tensor.shape
        shape = tuple(size if type(size) is int else hint(size) for size in sizes)
        return self._names.number((shape, str(tensor.dtype).removeprefix("torch.")))
