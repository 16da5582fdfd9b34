"""A small writer of TOML, made for review: declared order, one value a line, sizes said twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from pytest_footprint.model.byte_size import ByteSize

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def string(text: str) -> str:
    """A quoted string."""
    # JSON's escapes are TOML's; TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(text: str) -> str:
    """A key, quoted where it must be."""
    return text if _BARE.fullmatch(text) else string(text)


def header(*path: str) -> str:
    """The first line of a table, after an empty one."""
    return f"\n[{'.'.join(map(key, path))}]"


def size(name: str, nbytes: int) -> str:
    """A byte count, with what people say for it behind."""
    return f"{key(name)} = {int(nbytes)}  # {ByteSize(nbytes)}"


def pair(name: str, text: str) -> str:
    """A string under a name."""
    return f"{key(name)} = {string(text)}"


def array(name: str, rows: Iterable[str]) -> str:
    """Values that are TOML already, one a line."""
    lines = "".join(f"\n  {row}," for row in rows)
    return f"{key(name)} = [{lines}\n]" if lines else f"{key(name)} = []"
