"""Checks without a name are told apart by their order: what to say when one fails that others may have shifted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pytest_footprint.baseline import BaselineFormatError, read
from pytest_footprint.baseline.kinds import OneValue
from pytest_footprint.comparison import compare
from pytest_footprint.model.tolerance import Tolerance

_AHEAD = 10
"""Checks after a failed one whose baselines are looked at."""
_WAY_OUT = "name them, mem_baseline(name=...)"


def order_note(value: OneValue, number: int, path_of: Callable[[int], Path], tolerance: Tolerance) -> str:
    """A sentence; ``""`` where the test has no other unnamed check.

    Args:
        value: what the check measured.
        number: of the check among the unnamed ones of its test, from 1 on.
        path_of: where the baseline of such a check lies, by its number.
        tolerance: of the check.
    """
    paths = {at: path_of(at) for at in range(1, number + _AHEAD) if at != number}
    others = {at: path for at, path in paths.items() if path.is_file()}
    if not others:
        return ""
    this = f"this is unnamed check {number} of its test, and these go by their order"
    if fitting := [at for at, path in others.items() if _fits(value, path, tolerance)]:
        return f"{this}: it fits the baseline of check {fitting[0]}, so one was put in or taken out: {_WAY_OUT}"
    return f"{this}: if one was put in or taken out before it, {_WAY_OUT}"


def _fits(value: OneValue, path: Path, tolerance: Tolerance) -> bool:
    with suppress(BaselineFormatError, OSError):
        # `read` refuses another kind.
        return not compare(read(path, kind=type(value), renew=""), value, tolerance)  # type: ignore[type-var]
    return False
