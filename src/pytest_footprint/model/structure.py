"""The shape of a model: what its state_dict holds and what is tied."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.fqn import matches


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One entry of a ``state_dict``."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Structure:
    """``state_dict`` entries in order, and the names that share one storage."""

    tensors: tuple[TensorSpec, ...] = ()
    tied: tuple[tuple[str, ...], ...] = ()

    def of(self, pattern: str) -> Structure:
        """Only the entries below ``pattern``, e.g. ``"layers.*.attn"``."""
        kept = tuple(spec for spec in self.tensors if matches(pattern, spec.name))
        names = {spec.name for spec in kept}
        tied = (tuple(name for name in group if name in names) for group in self.tied)
        return Structure(kept, tuple(group for group in tied if len(group) > 1))
