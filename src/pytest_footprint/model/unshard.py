"""An all-gather of FSDP's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FORWARD, BACKWARD = "forward", "backward"


@dataclass(frozen=True, slots=True)
class Unshard:
    """The parameters that one call of ``fully_shard`` took were gathered whole."""

    fqn: str
    """The FSDP module; those of ``fully_shard([a, b])`` with a comma between them."""
    order: str
    """``"forward"`` or ``"backward"``: what ran meanwhile."""
    ahead: int = 0
    """0 when it was the module's own turn; prefetched, how many FSDP modules before it."""


def unshards_in(unshards: Iterable[Unshard], order: str) -> list[Unshard]:
    """Those of one pass.

    Raises:
        ValueError: there is no such pass.
    """
    if order not in {FORWARD, BACKWARD}:
        msg = f'order={order!r} must be "forward" or "backward"'
        raise ValueError(msg)
    return [each for each in unshards if each.order == order]
