"""Shell-brace notation: many names written as one.

``layers.{0..3}`` is four names, ``layers.{0..1}{,.attn}`` is ``layers.0``, ``layers.0.attn``, ``layers.1``,
``layers.1.attn`` in that order, and ``{x3}cell``, which shells do not have, is ``cell`` three times.
A backslash takes the meaning from the character behind it.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\{},|]|(?<=\.)\.")
_LITERAL = re.compile(r"[^\\{},]+")
_RANGE = re.compile(r"(\d+)\.\.(\d+)(?=[,}])", re.ASCII)
_TIMES = re.compile(r"x(\d+)\}", re.ASCII)


_MOST = 1_000_000
"""Names that one folded name may stand for: more come from a damaged file, and would fill the memory."""


def escape(name: str) -> str:
    r"""Write ``name`` so that `expand` gives just it. ``|`` is escaped for those who join names with it."""
    return _SPECIAL.sub(r"\\\g<0>", name)


def expand(text: str) -> list[str]:
    """All names that ``text`` stands for, in order.

    Raises:
        ValueError: a brace is not closed or not opened, or the text ends in a lone backslash.
    """
    if not ("{" in text or "\\" in text or "}" in text):
        return [text]
    names, end = _sequence(text, 0, "")
    if end < len(text):
        raise ValueError(_problem(text))
    return names


def alternatives(texts: list[str]) -> str:
    """One text for several, each in this notation already."""
    return texts[0] if len(texts) == 1 else "{" + ",".join(texts) + "}"


def times(count: int, text: str) -> str:
    """``text`` repeated."""
    return f"{{x{count}}}{text}"


def _sequence(text: str, at: int, stops: str) -> tuple[list[str], int]:
    names = [""]
    while at < len(text) and text[at] not in stops:
        if text[at] == "{":
            choices, at = _group(text, at + 1)
            _check_size(text, len(names) * len(choices))
            names = [name + choice for name in names for choice in choices]
            continue
        if text[at] == "\\":
            piece, step = text[at + 1 : at + 2], 2
        elif text[at] == "}":
            raise ValueError(_problem(text))
        else:
            match = _LITERAL.match(text, at)
            piece = match[0] if match else text[at]  # a comma outside braces is a comma
            step = len(piece)
        if not piece:
            raise ValueError(_problem(text))
        names = [name + piece for name in names]
        at += step
    return names, at


def _group(text: str, at: int) -> tuple[list[str], int]:
    if match := _TIMES.match(text, at):
        _check_size(text, int(match[1]))
        return [""] * int(match[1]), match.end()
    choices: list[str] = []
    while True:
        if match := _RANGE.match(text, at):
            first, last = int(match[1]), int(match[2])
            step = 1 if first <= last else -1
            _check_size(text, abs(last - first))
            choices += map(str, range(first, last + step, step))
            at = match.end()
        else:
            names, at = _sequence(text, at, ",}")
            choices += names
        if at >= len(text):
            raise ValueError(_problem(text))
        at += 1
        if text[at - 1] == "}":
            return choices, at


def _check_size(text: str, count: int) -> None:
    if count > _MOST:
        msg = f"{text!r} stands for {count} names or more; at most {_MOST} are believable"
        raise ValueError(msg)


def _problem(text: str) -> str:
    return f"{text!r} is not a folded name: its braces or backslashes do not match"
