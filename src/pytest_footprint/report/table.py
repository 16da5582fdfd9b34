"""Aligned columns that fit a screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import TypeAlias

WIDTH = 100
"""Columns that a line may take unless all is to be shown."""

Shorten: TypeAlias = Callable[[str, int], str]
"""Makes a text fit a number of columns."""

_NONE: Mapping[str, Shorten] = {}
_GAP = 2
_LEAST = 12
"""Letters that are left of a shortened cell."""
_FOLDER = re.compile(r"/")
_MODULE = re.compile(r"(?<=\.)(?=[A-Za-z_{])")
_BRACKETS = re.compile(r"\[[^\]]*\]")
_COUNT = re.compile(r"(?<=\d) x (?=\S)")
_GLUE = "\N{NO-BREAK SPACE}"


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: str = "",
    elastic: Mapping[str, Shorten] = _NONE,
    width: int | None = None,
) -> str:
    """Rows under headers, two spaces apart.

    Args:
        headers: one for each column.
        rows: the cells.
        right: headers of the columns that are aligned to the right, between spaces.
        elastic: header -> what shortens its cells, for the columns that may be shortened.
        width: columns that a line should fit in; as long as it is when ``None``.
    """
    # Not tabulate: it pads headers, so that lines are longer than what fits, and takes 20 ms to load.
    cells = [list(headers), *map(list, rows)]
    if width is not None:
        _shorten(cells, {at: elastic[name] for at, name in enumerate(headers) if name in elastic}, width)
    widths = _widths(cells)
    signs = [">" if name in right.split() else "<" for name in headers]
    return "\n".join(
        (" " * _GAP).join(f"{cell:{sign}{size}}" for cell, sign, size in zip(row, signs, widths, strict=True)).rstrip()
        for row in cells
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _shorten(rows: list[list[str]], elastic: Mapping[int, Shorten], width: int) -> None:
    """Take from the widest elastic column until the lines fit, headers (the first row) excepted."""
    widths = _widths(rows)
    while elastic and (excess := sum(widths) + _GAP * (len(widths) - 1) - width) > 0:
        widest = max(elastic, key=lambda at: widths[at])
        others = [widths[at] for at in elastic if at != widest]
        target = max(_LEAST, widths[widest] - excess, min(widths[widest] - 1, max(others, default=0)))
        if target >= widths[widest]:
            break
        widths[widest] = target
    for row in rows[1:]:
        for at, cut in elastic.items():
            row[at] = cut(row[at], widths[at])


def both_ends(text: str, width: int) -> str:
    """``text`` without its middle."""
    if len(text) <= width:
        return text
    tail = (width - 3) * 2 // 3
    return f"{text[: width - 3 - tail]}...{text[-tail:]}"


def ending(text: str, width: int) -> str:
    """``text`` without its beginning, cut between the parts of a name or path where that costs little."""
    if len(text) <= width:
        return text
    start = len(text) - width + 3
    # A file's own name may be long: better some of its end than nothing of it.
    part = _FOLDER.search(text, start, start + width // 3) if "/" in text else _MODULE.search(text, start)
    return f"...{text[part.start() if part else start :]}"


def beginning(text: str, width: int) -> str:
    """``text`` without its end."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def wrapped(line: str, width: int) -> list[str]:
    """``line`` on as many lines as it needs, those after the first indented; shapes and ``4 x`` stay whole."""
    whole = _COUNT.sub(f"{_GLUE}x{_GLUE}", _BRACKETS.sub(lambda found: found[0].replace(" ", _GLUE), line))
    lines = wrap(whole, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [both_ends(part.replace(_GLUE, " "), width) for part in lines]


def indented(text: str) -> str:
    """``text`` two spaces to the right."""
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
