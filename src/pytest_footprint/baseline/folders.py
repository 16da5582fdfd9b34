"""Folders of baselines: finding them, and deleting what is in them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pytest_footprint.baseline.errors import BaselineDeleteError
from pytest_footprint.baseline.paths import FOLDER

_LEFTOVER = re.compile(r"\.\d+-[0-9a-f]{16}\.tmp")
"""What a killed `write_atomically` leaves."""
_ABANDONED = 600.0
"""Seconds after which nobody is still writing it."""
_NEVER = frozenset({"__pycache__", "node_modules", "site-packages"})


def _is_of_no_project(folder: Path) -> bool:
    name = folder.name
    return name.startswith(".") or name in _NEVER or (folder / "pyvenv.cfg").is_file()


def folders_below(root: Path, *, skip: Callable[[Path], bool] = _is_of_no_project) -> Iterator[Path]:
    """Folders of baselines in and below ``root``, one for each test file, in alphabetical order.

    Args:
        root: a folder; it may be a folder of baselines itself, or the ``__footprints__`` that holds them.
        skip: says which folders below it are not entered: by default hidden ones and virtual environments.
    """
    if FOLDER in {root.name, root.parent.name}:
        yield from _folders_in(root) if root.name == FOLDER else [root]
        return
    for here, names, _ in os.walk(root):
        if FOLDER in names:
            yield from _folders_in(Path(here, FOLDER))
        names[:] = sorted(name for name in names if name != FOLDER and not skip(Path(here, name)))


def _folders_in(footprints: Path) -> list[Path]:
    return sorted(folder for folder in footprints.iterdir() if folder.is_dir())


def baselines_in(folder: Path) -> list[Path]:
    """The baselines of one test file, in alphabetical order."""
    return sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))


def has_test_file(folder: Path) -> bool:
    """Whether a file is there whose tests could have these baselines."""
    return any(path.stem == folder.name and path.is_file() for path in folder.parent.parent.iterdir())


def delete(paths: Iterable[Path]) -> None:
    """Delete baselines, then what killed runs left beside them, then the folders that are empty.

    Raises:
        BaselineDeleteError: a file could not be deleted; those before it are.
    """
    folders = set()
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            raise BaselineDeleteError(str(path), problem.strerror or str(problem)) from problem
        folders.add(path.parent)
    for folder in folders:
        _delete_leftovers(folder)
        with suppress(OSError):  # it holds something else, or somebody deleted it
            folder.rmdir()
            folder.parent.rmdir()


def _delete_leftovers(folder: Path) -> None:
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if _LEFTOVER.fullmatch(path.name) and time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
