"""Everything that was alive, and what ran meanwhile: what pictures and traces for other tools are made of."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A storage for as long as its size stays the same. A moment is the number of the event that comes before it."""

    storage: int
    """Its number; a storage that is resized has several lifetimes."""
    born: int
    """From right after this event on."""
    freed: int
    """No more after this event; `Lifetimes.last` where it outlived them."""
    nbytes: ByteSize
    ref_type: RefType
    fqn: str
    """The module that made it, or that owns it; ``""`` outside all modules; as in `LiveGroup`."""
    op: str
    """The operator that made it; ``""`` when it is older than the recording."""
    shape: tuple[int, ...]
    dtype: str
    device: str
    source: str | None = None
    """``file:line`` of the code that made it, where known."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that went on from right after event ``first`` to before event ``last``."""

    what: str
    """``forward``, ``recompute``, ``backward``, ``optimizer`` or ``step``."""
    fqn: str
    """The module; ``""`` where it is none's."""
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A stretch of a recording, from event ``first`` to before event ``last``; its peak is at one of these."""

    first: int
    last: int
    tensors: tuple[Lifetime, ...]
    """In the order in which they were born. What is older is born at ``first - 1``."""
    spans: tuple[Span, ...]
    """In the order in which they began, the outer ones first."""
    marks: tuple[tuple[str, int], ...]
    """Names that the program gave to moments, with the moment."""
