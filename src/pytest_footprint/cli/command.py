"""What every sub-command of `pytest-footprint` is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command; its module calls it ``COMMAND``."""

    name: str
    summary: str
    """One line for the list of commands."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Prints the answer and returns the exit status; what is heavy to import is imported here."""
    about: str = ""
    """What its own help says below the summary."""


class CommandError(Exception):
    """Bad input: exit status 2, the message on stderr. It names the file or argument, and what to do."""
