"""Replacing a file in one step."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path


def replace_atomically(path: Path, content: str | bytes) -> None:
    """Put ``content`` at ``path``, folders included: all of it or, when that fails, nothing.

    Raises:
        OSError: the disk is full or read-only, or the folder cannot be made.
    """
    # In the same folder, since only within one file system is the replacement atomic; short, since `path` may be as
    # long as names can be; and with the process, since xdist's workers write side by side.
    temporary = path.with_name(f".{os.getpid()}-{sha256(path.name.encode()).hexdigest()[:16]}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
