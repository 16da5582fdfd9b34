"""Numbers of steps, calls and rows."""

from __future__ import annotations


def check_count(call: str, name: str, value: object, *, least: int) -> None:
    """Refuse what is no number of things.

    Args:
        call: what it was given to, ``run()``.
        name: of the argument, ``steps``.
        value: the argument.
        least: the smallest number that makes sense.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too small.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        msg = f"{call} needs a whole number for {name}, got {value!r}"
        raise TypeError(msg)
    if value.__index__() < least:
        msg = f"{call} needs {name} >= {least}, got {value}"
        raise ValueError(msg)
