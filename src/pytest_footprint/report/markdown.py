"""Text that may hold anything, as Markdown that shows just that."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$]")
_BACKTICKS = re.compile(r"`+")


def escaped(text: str) -> str:
    """Plain text for a paragraph or a cell of a table."""
    # An empty comment keeps `@name` from notifying somebody.
    return _SPECIAL.sub(r"\\\g<0>", _one_line(text)).replace("@", "@<!-- -->")


def code(text: str) -> str:
    """A code span: nothing in it is Markdown or HTML."""
    line = _one_line(text)
    fence = "`" * (_longest(line) + 1)
    # Spaces at both ends are taken away again, and keep backticks of the text from those around it.
    space = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}"


def cell_code(text: str) -> str:
    """A code span for a cell of a table, where even in code a pipe would be a border."""
    return code(text).replace("|", r"\|")


def code_block(text: str) -> str:
    """Lines as they are."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def row(*cells: str) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def details(summary: str, body: str) -> str:
    """A part that is folded until somebody clicks on ``summary``, which is plain text."""
    shown = _one_line(summary).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<details><summary>{shown}</summary>\n\n{body}\n\n</details>"


def _longest(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\r", " ")
