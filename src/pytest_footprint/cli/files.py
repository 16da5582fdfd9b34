"""Files that sub-commands are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.cli.command import CommandError

if TYPE_CHECKING:
    from pytest_footprint.model.run import Run


def bytes_of(path: Path) -> bytes:
    """What the file holds.

    Raises:
        CommandError: there is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        msg = f"{path}: there is no such file"
    except OSError as problem:
        msg = f"{path}: {problem.strerror or problem}"
    raise CommandError(msg)


def text_of(path: Path) -> str:
    """The text that the file holds.

    Raises:
        CommandError: there is no such file, or it cannot be read as text.
    """
    try:
        return bytes_of(path).decode("utf-8")
    except UnicodeDecodeError:
        msg = f"{path}: it is not a text file"
        raise CommandError(msg) from None


def run_at(path: Path) -> Run:
    """The run that ``pytest --mem-json`` wrote.

    Raises:
        CommandError: there is no such file, or it is not that of a run.
    """
    run, _ = run_and_text_at(path)
    return run


def run_and_text_at(path: Path) -> tuple[Run, str]:
    """The run that ``pytest --mem-json`` wrote, and the text that says so, of one reading.

    Raises:
        CommandError: there is no such file, or it is not that of a run.
    """
    from pytest_footprint.model.run_json import read_run  # noqa: PLC0415 - loads when it is wanted

    try:
        text = text_of(path)
    except CommandError as problem:
        msg = f"{problem}; pytest --mem-json {path} writes it"
        raise CommandError(msg) from None
    try:
        return read_run(text), text
    except ValueError as problem:
        msg = f"{path}: {problem}; it takes what pytest --mem-json wrote"
        raise CommandError(msg) from None
