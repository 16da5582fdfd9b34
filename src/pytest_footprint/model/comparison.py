"""What differs between a baseline and now: a value that reports draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType


@unique
class Signal(StrEnum):
    """What is compared; a regression shows in at least one of them."""

    PEAK = "peak"
    END = "end of step"
    GROWTH = "growth"
    SAVED = "saved for backward"
    ORDER = "order"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class SizeChange:
    """A byte count that left its tolerance."""

    signal: Signal
    subject: str
    """What the count is of: ``cpu activations``; ``GPT.layers.{0..3}.attn`` for saved tensors."""
    before: ByteSize
    after: ByteSize

    @property
    def difference(self) -> ByteSize:
        """After minus before, in bytes."""
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """Difference in per cent of before; ``None`` when before is 0."""
        return 100 * self.difference / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class TextChange:
    """Something that is not a size: a call order, a shape, a dtype, a tied group."""

    signal: Signal
    subject: str
    before: str
    """``""`` when it is new."""
    after: str
    """``""`` when it is gone."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """Tensors that are alive now and were not, or the other way round."""

    signal: Signal
    ref_type: RefType
    fqn: str
    """Folded over repeated layers."""
    op: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    count: int
    """How many more there are now; negative when there are fewer."""
    nbytes: ByteSize
    """How many more bytes; negative when fewer."""
    source: str | None = None
    """``file:line`` of the code that makes them, where known."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing a value with its baseline; falsy when nothing differs."""

    changes: tuple[SizeChange | TextChange, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    """Largest first; empty when only order or structure changed."""
    recorded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Environment entries that differ: name -> (baseline, now). Shown, not a failure."""

    def __bool__(self) -> bool:
        return bool(self.changes)
