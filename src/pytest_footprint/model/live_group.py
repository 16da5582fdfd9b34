"""Tensors that are alive together and look alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """Storages alive at one moment that share reference type, module, operator, shape and dtype."""

    ref_type: RefType
    fqn: str
    """The module that made them, or that owns them (parameters, buffers, gradients); ``""`` outside all modules."""
    op: str
    """The operator that made them; ``""`` when they are older than the recording."""
    shape: tuple[int, ...]
    dtype: str
    device: str
    count: int
    nbytes: ByteSize
    """Bytes of all of them together."""
    source: str | None = field(default=None, compare=False)
    """``file:line`` of the code that made the first of them, where known."""
