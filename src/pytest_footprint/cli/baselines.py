"""The stored baselines that a command is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_footprint.baseline.folders import baselines_in, folders_below, has_test_file
from pytest_footprint.baseline.paths import folder_of
from pytest_footprint.cli.command import CommandError

PATHS_HELP = "folders to look in, with those below them, test files, or baselines (default: the current folder)"


def stored_at(paths: Iterable[Path]) -> list[Path]:
    """Baselines in and below ``paths``, in alphabetical order.

    Raises:
        CommandError: there is no such path.
    """
    found: set[Path] = set()
    for path in paths:
        found.update(_stored_at(path))
    return sorted(found)


def without_test_file(baselines: Sequence[Path]) -> list[Path]:
    """Those that no test can ask for, since their test file is gone."""
    known: dict[Path, bool] = {}
    for path in baselines:
        if path.parent not in known:
            known[path.parent] = has_test_file(path.parent)
    return [path for path in baselines if not known[path.parent]]


def _stored_at(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder in folders_below(path):
            yield from baselines_in(folder)
    elif path.suffix == ".toml" and path.is_file():
        yield path
    elif path.is_file():
        yield from baselines_in(folder_of(path))
    else:
        msg = f"{path} does not exist; name a folder, a test file or a baseline"
        raise CommandError(msg)
