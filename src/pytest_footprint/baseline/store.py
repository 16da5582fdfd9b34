"""Reading and writing baseline files."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from pytest_footprint.baseline.decode import RENEW, decode
from pytest_footprint.baseline.errors import BaselineFormatError, BaselineWriteError
from pytest_footprint.baseline.kinds import Value


def read(path: Path, *, kind: type[Value] | None = None, renew: str = RENEW) -> Value:
    """The value that is stored at ``path``.

    Raises:
        FileNotFoundError: nothing is stored there.
        OSError: the file cannot be read.
        BaselineFormatError: it is damaged, of another schema, or not of this ``kind``.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise BaselineFormatError(str(path), line, "the baseline is damaged: it is not UTF-8 text", renew) from None
    return decode(text, kind=kind, where=str(path), renew=renew)


def write_atomically(path: Path, text: str) -> None:
    """Put ``text`` at ``path``, folders included: all of it or, when that fails, nothing.

    Raises:
        BaselineWriteError: the disk is full or read-only, or the folder cannot be made.
    """
    # In the same folder, since only within one file system is the replacement atomic; short, since `path` may be as
    # long as names can be; and with the process, since xdist's workers write side by side.
    temporary = path.with_name(f".{os.getpid()}-{sha256(path.name.encode()).hexdigest()[:16]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise BaselineWriteError(str(path), problem.strerror or str(problem)) from problem
