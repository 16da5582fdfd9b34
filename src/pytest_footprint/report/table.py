"""Aligned columns that fit a screen."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 100
"""Columns that a line may take unless all is to be shown."""

_GAP = 2
_LEAST = 12
"""Letters that are left of a shortened cell."""


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: str = "",
    elastic: str = "",
    width: int | None = None,
) -> str:
    """Rows under headers, two spaces apart.

    Args:
        headers: one for each column.
        rows: the cells.
        right: headers of the columns that are aligned to the right, between spaces.
        elastic: headers of the columns that may be shortened, between spaces.
        width: columns that a line should fit in; as long as it is when ``None``.
    """
    # Not tabulate: it pads headers, so that lines are longer than what fits, and takes 20 ms to load.
    cells = [list(headers), *map(list, rows)]
    if width is not None:
        _shorten(cells, [at for at, name in enumerate(headers) if name in elastic.split()], width)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    signs = [">" if name in right.split() else "<" for name in headers]
    return "\n".join(
        (" " * _GAP).join(f"{cell:{sign}{size}}" for cell, sign, size in zip(row, signs, widths, strict=True)).rstrip()
        for row in cells
    )


def _shorten(rows: list[list[str]], elastic: list[int], width: int) -> None:
    """Take from the widest elastic column until the lines fit, headers (the first row) excepted."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while elastic and (excess := sum(widths) + _GAP * (len(widths) - 1) - width) > 0:
        widest = max(elastic, key=lambda at: widths[at])
        others = [widths[at] for at in elastic if at != widest]
        target = max(_LEAST, widths[widest] - excess, min(widths[widest] - 1, max(others, default=0)))
        if target >= widths[widest]:
            break
        widths[widest] = target
    for row in rows[1:]:
        for at in elastic:
            row[at] = shortened(row[at], widths[at])


def shortened(text: str, width: int) -> str:
    """``text`` without its middle, so that both ends of a name or path can be seen."""
    if len(text) <= width:
        return text
    tail = (width - 3) * 2 // 3
    return f"{text[: width - 3 - tail]}...{text[-tail:]}"


def indented(text: str) -> str:
    """``text`` two spaces to the right."""
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
