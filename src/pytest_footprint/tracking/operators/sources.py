"""Where in the user's code an operator was called."""

from __future__ import annotations

import os
import sysconfig
from types import CodeType, FrameType

import torch

import pytest_footprint
from pytest_footprint.trace.trace import Names

_HERE = os.path.dirname(os.path.abspath(pytest_footprint.__file__))  # noqa: PTH100, PTH120 - plain strings to compare
_FOREIGN = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,  # noqa: PTH100, PTH120
    _HERE + os.sep,
    "<frozen",
)
_STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep
_INSTALLED = f"{os.sep}site-packages{os.sep}"  # may lie inside the standard library's folder


class Sources:
    """Finds the innermost frame that is not torch's, Python's or ours; remembers every code object it has judged.

    By identity, for the hash of a code object goes through all of its constants; kept, so that none is ever another's.
    """

    def __init__(self, names: Names[str]) -> None:
        self._names = names
        self._theirs: dict[int, tuple[bool, CodeType]] = {}
        self._numbers: dict[tuple[int, int], int] = {}

    def here(self, frame: FrameType | None) -> int:
        """The number of ``file.py:88``, the innermost frame of the user at or above ``frame``; -1 without one."""
        theirs = self._theirs
        while frame is not None:
            code = frame.f_code
            found = theirs.get(id(code))
            if found is None:
                found = theirs[id(code)] = _is_users(code.co_filename), code
            if found[0]:
                place = id(code), frame.f_lasti
                number = self._numbers.get(place)
                if number is None:
                    number = self._names.number(f"{_short(code.co_filename)}:{frame.f_lineno}")
                    self._numbers[place] = number
                return number
            frame = frame.f_back
        return -1


def _is_users(filename: str) -> bool:
    if filename.startswith(_FOREIGN):
        return False
    return _INSTALLED in filename or not filename.startswith(_STANDARD_LIBRARY)


def _short(filename: str) -> str:
    """Relative to the working directory where the file lies below it."""
    below = os.getcwd() + os.sep  # noqa: PTH109 - plain strings to compare
    return filename.removeprefix(below)
