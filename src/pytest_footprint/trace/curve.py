"""How many bytes were alive on one device, and the highest point of any stretch of events."""

from __future__ import annotations

from collections.abc import Iterable

_BLOCK = 1024
_SHORT = 2 * _BLOCK
"""Up to here the totals themselves are looked at; a longer stretch has a whole block within."""


class Curve:
    """Totals before the first event and after each.

    Args:
        totals: the first is the one before the first event.
    """

    def __init__(self, totals: Iterable[int]) -> None:
        self._totals = list(totals)
        self._blocks = [max(self._totals[start : start + _BLOCK]) for start in range(0, len(self._totals), _BLOCK)]
        """The highest of each block of totals: so a long stretch costs no more than two blocks and their number."""

    def highest(self, first: int, last: int) -> tuple[int, int]:
        """The most that was alive right after an event from ``first`` to before ``last``, and the first such event.

        -1 is before the first event. The stretch must not be empty.
        """
        totals, start, end = self._totals, first + 1, last + 1
        if end - start <= _SHORT:
            most = max(totals[start:end])
            return most, totals.index(most, start, end) - 1
        blocks = self._blocks
        inner, outer = -(-start // _BLOCK), end // _BLOCK
        left, middle = max(totals[start : inner * _BLOCK], default=-1), max(blocks[inner:outer])
        most = max(left, middle, max(totals[outer * _BLOCK : end], default=-1))
        if most > left and most == middle:
            start = blocks.index(most, inner, outer) * _BLOCK
        elif most > left:
            start = outer * _BLOCK
        return most, totals.index(most, start, end) - 1
