"""Where each thread of the program is."""

from __future__ import annotations

from torch import nn

from pytest_footprint.trace.events import OUTSIDE, Phase


class Frame:
    """One running forward."""

    __slots__ = ("call", "module", "phase", "scope")

    def __init__(self, module: nn.Module, call: int, scope: int, phase: int) -> None:
        self.module = module
        self.call = call
        self.scope = scope
        """Where the program was before it; it is there again afterwards."""
        self.phase = phase


class ThreadState:
    """Where one thread of the program is."""

    __slots__ = ("frames", "marked", "number", "optimizers", "phase", "scope", "sequence")

    def __init__(self, number: int) -> None:
        self.number = number
        self.scope = OUTSIDE
        self.phase = int(Phase.FORWARD)
        self.sequence: int | None = None
        """The number of the backward node that was reached last, None outside backward."""
        self.frames: list[Frame] = []
        self.optimizers = 0
        self.marked = 0
        """The sequence number of the last mark; marks never go back."""
