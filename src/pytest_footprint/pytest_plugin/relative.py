"""Paths as they are shown: from a folder that the reader knows."""

from __future__ import annotations

import os
from pathlib import Path


def relative(path: Path, folder: Path) -> Path:
    """The way from ``folder`` to ``path``, with ``..`` where it leads out; ``path`` itself when on another drive."""
    try:
        return Path(os.path.relpath(path, folder))
    except ValueError:  # Windows: no way leads to another drive
        return path
