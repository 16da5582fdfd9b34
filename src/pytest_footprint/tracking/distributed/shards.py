"""The patch that makes `fully_shard` quick in a large fake world."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import overload

import torch

from pytest_footprint.tracking.distributed.internals import FSDP_PARAM, SPLITTER


class Shards(Sequence[torch.Tensor]):
    """What ``torch.chunk`` would return, filled up with empty tensors, each made when it is asked for.

    `fully_shard` takes the first chunk and that of its rank. Under FakeTensorMode a view takes some 40 us of Python: a
    Llama of 70 B parameters over 1,024 ranks took 62 s to shard with all views of its 723 parameters, and takes 1.5 s
    with those that are used.
    """

    def __init__(self, tensor: torch.Tensor, num_chunks: int, dim: int) -> None:
        self._tensor, self._count, self._dim = tensor, num_chunks, dim
        self._length = -(-tensor.size(dim) // num_chunks)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[torch.Tensor]: ...
    def __getitem__(self, index: int | slice) -> torch.Tensor | Sequence[torch.Tensor]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        index = range(self._count)[index]
        start = index * self._length
        length = min(self._length, self._tensor.size(self._dim) - start)
        if length > 0 or not self._length:
            return self._tensor.narrow(self._dim, start, length)
        return self._tensor.new_empty(0)


@contextmanager
def one_shard_at_a_time() -> Generator[None]:
    """Have `fully_shard` make the shards that it uses, and not those of all other ranks."""
    splitter = getattr(FSDP_PARAM, SPLITTER)
    setattr(FSDP_PARAM, SPLITTER, Shards)
    try:
        yield
    finally:
        setattr(FSDP_PARAM, SPLITTER, splitter)
