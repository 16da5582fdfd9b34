"""What a change may be before it fails a build: ``peak:5%``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pytest_footprint.model.comparison import Signal
from pytest_footprint.model.tolerance import EXACT, Tolerance

_SIZES = {"peak": Signal.PEAK, "end": Signal.END, "growth": Signal.GROWTH, "saved": Signal.SAVED}
_OTHERS = {"order": Signal.ORDER, "structure": Signal.STRUCTURE}
VANISHED = "vanished"

GATE_FORMS = (
    '"peak:5%", "end:1MiB", "growth:0", "saved:0" (how much more there may be), "order", "structure" (no change),'
    ' "vanished" (no test that took footprints may take none)'
)
"""The accepted spellings, as help and error messages show them."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on one signal of every footprint that two runs share, or on tests that are not there any more."""

    text: str
    """As the user wrote it."""
    signal: Signal | None
    """``None`` for tests that took footprints in the base and take none now."""
    tolerance: Tolerance = EXACT
    """Of byte counts: how much more there may be. Less is always allowed."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"peak:5%"``, ``"saved:0"``, ``"end:1MiB"``, ``"order"``, ``"structure"`` or ``"vanished"``.

        Raises:
            ValueError: it is none of these; the message shows what works.
        """
        name, colon, bound = (part.strip() for part in text.partition(":"))
        if not colon and name == VANISHED:
            return cls(text, None)
        if not colon and name in _OTHERS:
            return cls(text, _OTHERS[name])
        if not colon or name not in _SIZES:
            msg = f"{text!r} is not a gate; write {GATE_FORMS}"
            raise ValueError(msg)
        try:
            return cls(text, _SIZES[name], Tolerance.parse(bound))
        except ValueError as problem:
            msg = f"{text!r} is not a gate: {problem}"
            raise ValueError(msg) from None

    def allows(self, before: int, after: int) -> bool:
        """Whether a byte count may go from ``before`` to ``after``."""
        return after <= before or self.tolerance.allows(before, after)


@dataclass(frozen=True, slots=True)
class GateFailure:
    """One place in which a gate does not hold."""

    gate: Gate
    test: str
    footprint: str
    """Its name in the test; ``""`` where that does not matter."""
    says: str
    """What is not as it may be: ``cpu peak 176.85 MiB -> 196 MiB (+11 %)``."""
