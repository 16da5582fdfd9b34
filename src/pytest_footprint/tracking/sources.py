"""Where in the user's code an operator was called."""

from __future__ import annotations

import os
import sysconfig
from types import CodeType, FrameType

import torch

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - plain strings to compare
_FOREIGN = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,  # noqa: PTH100, PTH120
    _HERE + os.sep,
    "<frozen",
)
_STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep
_INSTALLED = f"{os.sep}site-packages{os.sep}"  # may lie inside the standard library's folder


class Sources:
    """Finds the innermost frame that is not torch's, Python's or ours; remembers every code object it has judged."""

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
                user = theirs[code] = _is_users(code.co_filename)
            if user:
                key = (code, frame.f_lineno)
                found = self._names.get(key)
                if found is None:
                    found = self._names[key] = f"{_short(code.co_filename)}:{frame.f_lineno}"
                return found
            frame = frame.f_back
        return None


def _is_users(filename: str) -> bool:
    if filename.startswith(_FOREIGN):
        return False
    return _INSTALLED in filename or not filename.startswith(_STANDARD_LIBRARY)


def _short(filename: str) -> str:
    """Relative to the working directory where the file lies below it."""
    below = os.getcwd() + os.sep  # noqa: PTH109 - plain strings to compare
    return filename.removeprefix(below)
