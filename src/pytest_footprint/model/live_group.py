"""Tensors that are alive together and look alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import BY_ROOT, RefType

OPTIMIZER_STEP = "optimizer step"
"""Stands for the module of temporaries that an optimizer made, which no module did."""


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """Storages alive at one moment that share reference type, module, operator, shape and dtype."""

    ref_type: RefType
    fqn: str
    """The module that made them, or that owns them (parameters, buffers, gradients); ``""`` outside all modules, and
    ``optimizer step`` for temporaries of one."""
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

    def __str__(self) -> str:
        """``activations of GPT.head: 2 x float32[512, 256] from aten.mm, model.py:72``."""
        whose = f" of {self.fqn}" if self.fqn else ""
        return f"{self.ref_type.replace('_', ' ')}{whose}: {self.made}"

    @property
    def spec(self) -> str:
        """``float32[512, 256]``."""
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @property
    def made(self) -> str:
        """``2 x float32[512, 256] from aten.mm, model.py:72``."""
        origin = ", ".join(filter(None, (self.op and f"from {self.op}", self.source)))
        return f"{f'{self.count} x ' if self.count > 1 else ''}{self.spec} {origin}".rstrip()


def summed_up(groups: Iterable[LiveGroup]) -> tuple[LiveGroup, ...]:
    """Parameters and optimizer states by root and dtype (operator ``""``, shape ``()``), the rest as it is.

    This is how baselines keep them, so both sides of a comparison are brought to it.
    """
    merged: dict[object, LiveGroup] = {}
    for group in groups:
        row = group
        if group.ref_type in BY_ROOT:
            row = replace(group, fqn=group.fqn.partition(".")[0], op="", shape=())
        key = (row.ref_type, row.fqn, row.op, row.shape, row.dtype, row.device)
        if seen := merged.get(key):
            source = seen.source if seen.source == row.source else None
            row = replace(seen, count=seen.count + row.count, nbytes=seen.nbytes + row.nbytes, source=source)
        merged[key] = row
    return tuple(merged.values())
