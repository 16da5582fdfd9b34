"""Numbers of ranks as people write them: ``0-2,7``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"(\d+)(?:-(\d+))?")
_MOST = 1 << 20
"""Ranks that a text may name: none of a damaged file shall fill the memory."""


def rank_numbers(ranks: Iterable[int]) -> str:
    """``0-2,7`` for 0, 1, 2 and 7."""
    runs: list[list[int]] = []
    for rank in sorted(set(ranks)):
        if runs and rank == runs[-1][-1] + 1:
            runs[-1][1:] = [rank]
        else:
            runs.append([rank])
    return ",".join("-".join(map(str, run)) for run in runs)


def read_rank_numbers(text: str) -> tuple[int, ...]:
    """What `rank_numbers` was given, in order.

    Raises:
        ValueError: it is not what `rank_numbers` writes.
    """
    found: list[int] = []
    for part in text.split(","):
        match = _PART.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= _MOST:
            msg = f"{text!r} does not name ranks as in '0-2,7'"
            raise ValueError(msg)
        found += range(first, last + 1)
    if found != sorted(set(found)):
        msg = f"{text!r} names ranks twice or out of order"
        raise ValueError(msg)
    return tuple(found)


def ranks_said(ranks: Iterable[int]) -> str:
    """``rank 3``, ``ranks 0-2,7``."""
    numbers = rank_numbers(ranks)
    return f"rank {numbers}" if numbers.isdecimal() else f"ranks {numbers}"
