"""Where in the user's code an operator was called."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

import torch

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - plain strings to compare
_FOREIGN = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,  # noqa: PTH100, PTH120
    _HERE + os.sep,
    "<frozen",
)


class Sources:
    """Finds the innermost frame that is neither torch's nor ours; remembers every code object it has judged."""

    def __init__(self) -> None:
        self._theirs: dict[CodeType, bool] = {}
        self._names: dict[tuple[CodeType, int], str] = {}

    def here(self, frame: FrameType | None) -> str | None:
        """``file.py:88`` of the innermost frame of the user at or above ``frame``."""
        theirs = self._theirs
        while frame is not None:
            code = frame.f_code
            user = theirs.get(code)
            if user is None:
                user = theirs[code] = not code.co_filename.startswith(_FOREIGN)
            if user:
                key = (code, frame.f_lineno)
                found = self._names.get(key)
                if found is None:
                    found = self._names[key] = f"{_short(code.co_filename)}:{frame.f_lineno}"
                return found
            frame = frame.f_back
        return None


def caller(depth: int) -> FrameType:
    """The frame ``depth`` calls above the caller's."""
    return sys._getframe(depth + 1)


def _short(filename: str) -> str:
    """Relative to the working directory where the file lies below it."""
    below = os.getcwd() + os.sep  # noqa: PTH109 - plain strings to compare
    return filename.removeprefix(below)
