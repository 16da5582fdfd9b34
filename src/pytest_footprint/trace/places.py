"""Where in the events each code stands.

Most questions are about few of the events, and a long recording cannot afford a loop over all of them for each: their
codes are taken out in one stroke, and searched by what the standard library does in C.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from functools import cache
from itertools import compress

from pytest_footprint.trace.events import CODE_MASK, Event

_WIDTH = array("q").itemsize
_LOWEST = 0 if sys.byteorder == "little" else _WIDTH - 1
_CODE_OF_BYTE = bytes(byte & CODE_MASK for byte in range(256))


class Places:
    """The events of a trace as they stand now, by code."""

    def __init__(self, events: array[int]) -> None:
        # Taken from a copy: an array that is looked into cannot grow, and a storage may die at any moment.
        self.codes = events.tobytes()[_LOWEST::_WIDTH].translate(_CODE_OF_BYTE)
        self._events = events

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, *codes: Event, first: int = 0, last: int | None = None) -> list[int]:
        """Where events of these codes stand, from ``first`` to before ``last``."""
        chosen = self.codes[first:last].translate(_only(codes))
        return list(compress(range(first, first + len(chosen)), chosen))

    def events(self, *codes: Event, first: int = 0, last: int | None = None) -> Iterator[tuple[int, int]]:
        """The same places, each with the event that stands there."""
        found = self.of(*codes, first=first, last=last)
        return zip(found, map(self._events.__getitem__, found), strict=True)

    def last_before(self, code: Event, place: int) -> int:
        """Where the last event of this code stands before event ``place``; -1 where there is none."""
        return self.codes.rfind(bytes([code]), 0, place)


@cache
def _only(codes: tuple[Event, ...]) -> bytes:
    """What `bytes.translate` takes to make 1 of these codes and 0 of all others."""
    return bytes(code in codes for code in range(256))
