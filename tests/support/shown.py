"""What a page shows, held against what was printed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

LEFT_OUT = "..."
"""A line that stands for any number of lines."""

_TIME = re.compile(r"\b\d+\.\d+s\b(?: \(\d+:\d\d:\d\d\))?")
_ERROR = re.compile(r"^(?:AssertionError|Failed): ")


def difference(shown: str, printed: str) -> str:
    """Empty when `shown` is all of `printed`, but for times and what `...` stands for; else what to look at."""
    there = _lines(printed)
    return "" if _covers(_stretches(_lines(shown)), there) else _diff(_lines(shown), there)


def difference_of_part(shown: str, printed: str) -> str:
    """Empty when the lines of `shown` were printed one after the other; the type of an exception does not count."""
    there, wanted = [_ERROR.sub("", line) for line in _lines(printed)], _lines(shown)
    return "" if _covers([[], *_stretches(wanted), []], there) else _diff(wanted, there)


def _lines(text: str) -> list[str]:
    return [_TIME.sub("#s", line.rstrip()) for line in text.strip("\n").splitlines()]


def _stretches(lines: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line == LEFT_OUT:
            found.append([])
        else:
            found[-1].append(line)
    return found


def _covers(stretches: Sequence[list[str]], lines: Sequence[str]) -> bool:
    first, last = stretches[0], stretches[-1]
    if len(stretches) == 1:
        return first == list(lines)
    if list(lines[: len(first)]) != first:
        return False
    at = len(first)
    for stretch in stretches[1:-1]:
        places = (i for i in range(at, len(lines) - len(stretch) + 1) if list(lines[i : i + len(stretch)]) == stretch)
        found = next(places, None)
        if found is None:
            return False
        at = found + len(stretch)
    return len(lines) - len(last) >= at and (not last or list(lines[-len(last) :]) == last)


def _diff(shown: Sequence[str], printed: Sequence[str]) -> str:
    return "\n".join(difflib.unified_diff(shown, printed, "shown", "printed", lineterm="", n=len(printed)))
