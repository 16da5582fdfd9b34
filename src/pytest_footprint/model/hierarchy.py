"""The order in which modules ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """FQNs of modules in call order: a module before the modules that it calls."""

    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    """In the order in which backward reaches them; each call of a module once."""
    recomputed: tuple[str, ...] = ()
    """Forwards that ran again during backward (activation checkpointing)."""

    @property
    def calls(self) -> Counter[str]:
        """How often each module's forward ran, recomputation included."""
        return Counter([*self.forward, *self.recomputed])
