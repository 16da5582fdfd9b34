"""The order in which modules ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pytest_footprint.model.order_check import order_text, recompute_text


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

    def assert_before(self, first: str, second: str, *, order: str = "forward") -> None:
        """Every call of ``first`` comes before every call of ``second``.

        Args:
            first: a module, or a pattern: ``"encoder"``, ``"layers.*.norm"``. What is inside it goes with it.
            second: another one.
            order: ``"forward"``, ``"backward"`` or ``"recomputed"``.

        Raises:
            AssertionError: it does not, or one of them did not run; with the calls by name and number.
            ValueError: there is no such order.
        """
        __tracebackhide__ = True
        if order not in {"forward", "backward", "recomputed"}:
            msg = f'order={order!r} must be "forward", "backward" or "recomputed"'
            raise ValueError(msg)
        if text := order_text(getattr(self, order), first, second, order):
            raise AssertionError(text)

    def assert_recomputed(self, *patterns: str) -> None:
        """All modules that the patterns name ran again in backward, and no others; without patterns, none did.

        Args:
            patterns: ``"layers.*"``, ``"layers.*.mlp"``. What is inside a module goes with it.

        Raises:
            AssertionError: one did not, another one did, or a pattern names none; it names them.
        """
        __tracebackhide__ = True
        if text := recompute_text(self.forward, self.recomputed, patterns):
            raise AssertionError(text)
