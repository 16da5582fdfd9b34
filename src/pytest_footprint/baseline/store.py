"""Reading and writing baseline files."""

from __future__ import annotations

from pathlib import Path

from pytest_footprint.baseline.atomic import replace_atomically
from pytest_footprint.baseline.decode import RENEW, decode
from pytest_footprint.baseline.errors import BaselineFormatError, BaselineWriteError
from pytest_footprint.baseline.kinds import OneValue, Value


def read(path: Path, *, kind: type[OneValue] | None = None, of_ranks: bool | None = None, renew: str = RENEW) -> Value:
    """The value that is stored at ``path``.

    Raises:
        FileNotFoundError: nothing is stored there.
        OSError: the file cannot be read.
        BaselineFormatError: it is damaged, of another schema, or not of this ``kind``; or of one process
            where ``of_ranks`` asks for those of several ranks, or the other way round.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise BaselineFormatError(str(path), line, "the baseline is damaged: it is not UTF-8 text", renew) from None
    return decode(text, kind=kind, of_ranks=of_ranks, where=str(path), renew=renew)


def write_atomically(path: Path, text: str) -> None:
    """Put ``text`` at ``path``, folders included: all of it or, when that fails, nothing.

    Raises:
        BaselineWriteError: the disk is full or read-only, or the folder cannot be made.
    """
    try:
        replace_atomically(path, text)
    except OSError as problem:
        raise BaselineWriteError(str(path), problem.strerror or str(problem)) from problem
